import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mysqlEngine } from '../src/engine-mysql.js';
import { postgresEngine } from '../src/engine-postgres.js';
import { sqliteEngine } from '../src/engine-sqlite.js';

describe('statements that end a transaction', () => {
  it.each([
    'commit',
    'COMMIT AND CHAIN',
    '/* a /* nested */ comment */ rollback',
    'select $tag$ ; not here $tag$; commit',
    "select E'it\\'s' ; commit",
    "select '\\'; commit",
    "select name'\\'; commit; --'",
    "prepare transaction 'x'",
    'end',
  ])('PostgreSQL: %s', (sql) => expect(postgresEngine.endsTransaction(sql, true)).toBe(true));

  it.each([
    'select 1',
    'select $1',
    'select $1, $$ ; commit $$',
    'prepare plan as select 1',
    '/* commit */ select 1',
    '/* outer /* commit */ ; commit */ select 1',
    "select $$ ; commit $$, 'a'';commit', \"x;commit\"",
    'do $body$ begin perform 1; end $body$',
    "select '\\'; -- commit",
    'create table commit_log (id int)',
  ])('not PostgreSQL: %s', (sql) => expect(postgresEngine.endsTransaction(sql, true)).toBe(false));

  it.each([
    'commit # why',
    'select 1 as a$$; commit; select 2 as b$$',
    'select `\\`; commit',
    "select 'it\\'s'; commit",
    '/*!50000 commit */',
    '/*M!100000 create table x (id int) */',
    'create table x (id int)',
    'set @@session.autocommit = 1',
    'unlock tables',
    'rename table a to b',
  ])('MySQL: %s', (sql) => expect(mysqlEngine.endsTransaction(sql, true)).toBe(true));

  it.each([
    'create temporary table x (id int)',
    'drop temporary table x',
    'begin not atomic select 1; end',
    'set @x = 1',
    '# commit\nselect 1',
    '/* a /* commit */ select 1',
    'lock in share mode',
    'insert into `commit` values (1)',
  ])('not MySQL: %s', (sql) => expect(mysqlEngine.endsTransaction(sql, true)).toBe(false));

  it('MySQL: DDL is nobody’s business outside a transaction, COMMIT is', () => {
    expect(mysqlEngine.endsTransaction('create table x (id int)', false)).toBe(false);
    expect(mysqlEngine.endsTransaction('commit', false)).toBe(true);
  });

  it('SQLite: control statements only, whatever stands around them', () => {
    expect(sqliteEngine.endsTransaction(' ;;-- x\n end transaction', true)).toBe(true);
    expect(sqliteEngine.endsTransaction('create table x (id)', true)).toBe(false);
    expect(sqliteEngine.endsTransaction('select "unclosed', true)).toBe(false);
    expect(sqliteEngine.endsTransaction('/* unclosed commit', true)).toBe(false);
  });

  it('whatever text is quoted ends nothing, and what follows it is still seen', () => {
    const engines = [postgresEngine, mysqlEngine, sqliteEngine];
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...engines), (text, engine) => {
        const quoted = `select '${text.replaceAll('\\', '').replaceAll("'", "''")}' as x`;
        expect(engine.endsTransaction(quoted, true)).toBe(false);
        expect(engine.endsTransaction(`${quoted}; commit`, true)).toBe(true);
      }),
    );
  });
});

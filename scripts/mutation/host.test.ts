import { it } from 'vitest';
import { serve } from './host.ts';

it('runs the tests of all other files for one mutant after the other', { timeout: 0 }, () => serve());

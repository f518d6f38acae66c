import { kitBuild } from '../../tsup.config.base.ts';

export default kitBuild(['src/index.ts', 'src/express.ts', 'src/fastify.ts', 'src/nest.ts']);

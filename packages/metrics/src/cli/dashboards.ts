import { applicationDashboard } from './dashboard-application.js';
import { databaseDashboard } from './dashboard-database.js';
import { endpointsDashboard } from './dashboard-endpoints.js';
import { overviewDashboard } from './dashboard-overview.js';
import { redisDashboard } from './dashboard-redis.js';
import { reliabilityDashboard } from './dashboard-reliability.js';
import { buildDashboard, type DashboardSpec } from './grafana.js';
import type { GeneratedFiles } from './generated-files.js';
import type { Translate } from './translate.js';

export const dashboards: readonly DashboardSpec[] = [
  overviewDashboard,
  applicationDashboard,
  databaseDashboard,
  redisDashboard,
  endpointsDashboard,
  reliabilityDashboard,
];

/** One JSON file a dashboard, ready for Grafana's provisioning folder. */
export function dashboardFiles(translate: Translate): GeneratedFiles {
  return Object.fromEntries(
    dashboards.map((spec) => [
      `${spec.uid}.json`,
      `${JSON.stringify(buildDashboard(spec, translate), null, 2)}\n`,
    ]),
  );
}

/** Routes to copy from: critical alerts to a webhook at once, warnings by e-mail, each service one message. */
export const alertmanagerExample = {
  global: { smtp_smarthost: 'mail.example.com:587', smtp_from: 'alerts@example.com' },
  route: {
    receiver: 'team-email',
    group_by: ['job', 'alertname'],
    group_wait: '30s',
    group_interval: '5m',
    repeat_interval: '12h',
    routes: [
      {
        matchers: ['severity="critical"'],
        receiver: 'on-call-webhook',
        group_wait: '10s',
        repeat_interval: '1h',
      },
    ],
  },
  inhibit_rules: [
    {
      // A slow service whose database is down needs one call, not two.
      source_matchers: ['alertname="DatabaseDown"'],
      target_matchers: ['alertname=~"HighLatencyP95|HighLatencyP95Critical|HighErrorRate"'],
      equal: ['job'],
    },
    {
      source_matchers: ['alertname="HighLatencyP95Critical"'],
      target_matchers: ['alertname="HighLatencyP95"'],
      equal: ['job'],
    },
  ],
  receivers: [
    {
      name: 'on-call-webhook',
      webhook_configs: [{ url: 'https://on-call.example.com/alerts', send_resolved: true }],
    },
    { name: 'team-email', email_configs: [{ to: 'team@example.com', send_resolved: true }] },
  ],
};

/** Names of the HTTP metrics and of their labels. */
export interface HttpNaming {
  /** A counter of requests; `undefined` leaves it out. */
  readonly requests: string | undefined;
  readonly duration: string;
  readonly inFlight: string;
  readonly responseSize: string;
  readonly labels: { readonly method: string; readonly route: string; readonly status: string };
}

/** The names that the shipped dashboards and rules use unless told otherwise. */
export const kitNaming: HttpNaming = Object.freeze({
  requests: 'http_requests_total',
  duration: 'http_request_duration_seconds',
  inFlight: 'http_requests_in_flight',
  responseSize: 'http_response_size_bytes',
  labels: Object.freeze({ method: 'method', route: 'route', status: 'status_code' }),
});

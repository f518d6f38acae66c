declare module 'opossum' {
  /** As much of it as the benchmark calls; the package ships no types. */
  export default class CircuitBreaker {
    constructor(action: () => Promise<unknown>);
    fire(): Promise<unknown>;
    shutdown(): void;
  }
}

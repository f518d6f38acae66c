/** The same call with stack capture off. */
export function renderWithoutStack(render: () => string): () => string {
  return () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      return render();
    } finally {
      Error.stackTraceLimit = limit;
    }
  };
}

/**
 * Loaded into every service that the platform starts: when the platform is gone, however it went, its services go too.
 * The services themselves know nothing of it.
 */
if (process.channel) {
  process.channel.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

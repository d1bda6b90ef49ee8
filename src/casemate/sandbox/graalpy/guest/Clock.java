import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Ends the process when the thread that executes the guest has had its processor time, from here on.
 *
 * What the JVM took to start and compiles beside it is not counted: a limit of one second would be over before.
 */
final class Clock {
    private static final long SECOND = 1_000_000_000; // nanoseconds
    private static final long LONGEST_PAUSE = 100; // milliseconds

    /** Begin to count for the thread that calls this. */
    static void start(long seconds, int code) throws IOException {
        Path thread = Files.readSymbolicLink(Path.of("/proc/thread-self"));
        Path file = Path.of("/proc").resolve(thread).resolve("schedstat"); // its first number: proc(5), schedstat
        RandomAccessFile times = new RandomAccessFile(file.toFile(), "r"); // open: the guest may use up all descriptors
        long end = read(times) + seconds * SECOND;
        Thread guest = Thread.currentThread();
        Thread watch = new Thread(() -> watch(guest, times, end, seconds, code), "clock");
        watch.setDaemon(true);
        watch.start();
    }

    private static void watch(Thread guest, RandomAccessFile times, long end, long seconds, int code) {
        String reason = "the processor time of the program is over: " + seconds + " s";
        try {
            for (long left = end - read(times); left > 0; left = end - read(times)) {
                Thread.sleep(Math.min(LONGEST_PAUSE, left / 1_000_000 + 1));
            }
        } catch (IOException | InterruptedException failed) {
            if (!guest.isAlive()) {
                return; // it has come to its end
            }
            reason = "the processor time of the program cannot be read: " + failed;
        }
        Guest.say("graalpy: " + reason);
        Runtime.getRuntime().halt(code);
    }

    private static long read(RandomAccessFile times) throws IOException {
        times.seek(0);
        return Long.parseLong(times.readLine().split(" ", 2)[0]);
    }

    private Clock() {}
}

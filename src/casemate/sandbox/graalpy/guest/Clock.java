import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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
        Path times = Path.of("/proc").resolve(thread).resolve("schedstat"); // its first number: proc(5), schedstat
        long end = read(times) + seconds * SECOND;
        Thread watch = new Thread(() -> watch(times, end, seconds, code), "clock");
        watch.setDaemon(true);
        watch.start();
    }

    private static void watch(Path times, long end, long seconds, int code) {
        String reason = "the processor time of the program is over: " + seconds + " s";
        try {
            for (long left = end - read(times); left > 0; left = end - read(times)) {
                Thread.sleep(Math.min(LONGEST_PAUSE, left / 1_000_000 + 1));
            }
        } catch (NoSuchFileException ended) {
            return; // the thread has come to its end
        } catch (IOException | InterruptedException failed) {
            reason = "the processor time of the program cannot be read: " + failed;
        }
        Guest.say("graalpy: " + reason);
        Runtime.getRuntime().halt(code);
    }

    private static long read(Path times) throws IOException {
        return Long.parseLong(Files.readString(times).split(" ", 2)[0]);
    }

    private Clock() {}
}

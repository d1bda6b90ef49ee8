import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Reader;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;
import org.graalvm.polyglot.Context;
import org.graalvm.polyglot.Engine;
import org.graalvm.polyglot.EnvironmentAccess;
import org.graalvm.polyglot.HostAccess;
import org.graalvm.polyglot.PolyglotAccess;
import org.graalvm.polyglot.PolyglotException;
import org.graalvm.polyglot.SandboxPolicy;
import org.graalvm.polyglot.Source;
import org.graalvm.polyglot.Value;
import org.graalvm.polyglot.io.IOAccess;

/**
 * Starts one Python program in a GraalPy context that holds what its arguments name, and ends with its exit code.
 *
 * usage: Guest [home=PATH] [read=PATH] [write=PATH] [deny=PATH] [cpu=SECONDS] [wait] ... -- WORD...
 *        Guest --policies | --resources FOLDER
 *
 * Paths and words are percent-encoded UTF-8, whatever the locale is. The words after `--` are for start.py; with
 * `wait`, further ones come on standard input when the guest is ready: see casemate/sandbox/waiting.py. The guest's
 * variables are those of this process that begin with PREFIX, without it: so none of them is obeyed by the JVM.
 */
public final class Guest {
    private static final String PREFIX = "CASEMATE_GUEST_";
    private static final int NOT_STARTED = 125;
    private static final int FAILED = 1;
    private static final int KILLED = 128 + 9;
    private static final long STACK = 64L << 20; // bytes: Python's limit of recursion is reached first

    private final InputStream in = new FileInputStream(FileDescriptor.in); // unbuffered: what follows is the program's
    private final List<Path> home = new ArrayList<>();
    private final List<Path> readable = new ArrayList<>();
    private final List<Path> writable = new ArrayList<>();
    private final List<Path> denied = new ArrayList<>();
    private final List<String> words = new ArrayList<>();
    private long cpu;
    private boolean waits;

    public static void main(String[] arguments) {
        int code = NOT_STARTED;
        try {
            if (arguments.length == 1 && arguments[0].equals("--policies")) {
                code = Policies.tell();
            } else if (arguments.length == 2 && arguments[0].equals("--resources")) {
                code = Engine.copyResources(Path.of(arguments[1]), "python") ? 0 : NOT_STARTED;
            } else {
                code = new Guest(arguments).run();
            }
        } catch (Throwable wrong) { // whatever it is: nothing of the program was started, and that is said in one line
            say(String.valueOf(wrong));
        } finally {
            System.out.flush();
            Runtime.getRuntime().halt(code); // nothing else of this process is waited for
        }
    }

    private Guest(String[] arguments) {
        boolean after = false;
        for (String argument : arguments) {
            if (after) {
                words.add(decoded(argument));
            } else if (argument.equals("--")) {
                after = true;
            } else {
                take(argument);
            }
        }
        if (!after) {
            throw new IllegalArgumentException("no -- in the arguments");
        }
    }

    private void take(String argument) {
        String[] parts = argument.split("=", 2);
        String value = parts.length == 2 ? decoded(parts[1]) : "";
        switch (parts[0]) {
            case "home" -> home.add(Path.of(value));
            case "read" -> readable.add(Path.of(value));
            case "write" -> writable.add(Path.of(value));
            case "deny" -> denied.add(Path.of(value));
            case "cpu" -> cpu = Long.parseLong(value);
            case "wait" -> waits = true;
            default -> throw new IllegalArgumentException("unknown argument " + argument);
        }
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    /** Run the program in a thread that has room for its calls. */
    private int run() throws IOException, InterruptedException {
        View view = new View(home, readable, writable, denied);
        view.setCurrentWorkingDirectory(Path.of(System.getProperty("user.dir")));
        Source start = start();
        Context.Builder builder = builder(view);
        int[] code = {FAILED};
        Thread thread = new Thread(null, () -> code[0] = live(builder, start), "guest", STACK);
        thread.start();
        thread.join();
        return code[0];
    }

    private int live(Context.Builder builder, Source start) {
        Context context;
        Value program;
        try {
            context = builder.build();
            program = context.eval(start);
            if (waits) {
                words.addAll(Waiting.told(in));
            }
            if (cpu > 0) {
                Clock.start(cpu, KILLED);
            }
        } catch (IllegalArgumentException | IOException refused) { // what cannot be built, or told
            say(refused.getMessage());
            return NOT_STARTED;
        }
        int code = ended(() -> program.execute(words.toArray()).asInt());
        int closed = ended(() -> {
            context.close(); // what the program registered for its end is done here
            return 0;
        });
        return code == 0 ? closed : code;
    }

    private Context.Builder builder(View view) {
        return Context.newBuilder("python")
                .sandbox(SandboxPolicy.CONSTRAINED)
                .in(in)
                .out(new FileOutputStream(FileDescriptor.out))
                .err(new FileOutputStream(FileDescriptor.err))
                .logHandler(OutputStream.nullOutputStream()) // what GraalPy says of its own to whoever develops it
                .allowIO(IOAccess.newBuilder().fileSystem(view).build())
                .allowHostAccess(HostAccess.CONSTRAINED)
                .allowPolyglotAccess(PolyglotAccess.NONE)
                .allowEnvironmentAccess(EnvironmentAccess.NONE)
                .allowCreateThread(false)
                .allowCreateProcess(false)
                .allowNativeAccess(false)
                .environment(variables())
                .option("engine.WarnInterpreterOnly", "false");
    }

    private static Map<String, String> variables() {
        Map<String, String> own = new HashMap<>();
        System.getenv().forEach((name, value) -> {
            if (name.startsWith(PREFIX)) {
                own.put(name.substring(PREFIX.length()), value);
            }
        });
        return own;
    }

    private static Source start() throws IOException {
        try (Reader reader = new InputStreamReader(Guest.class.getResourceAsStream("start.py"), StandardCharsets.UTF_8)) {
            return Source.newBuilder("python", reader, "<casemate>").internal(true).build();
        }
    }

    /** Do something in the guest; give the exit code that comes of it. */
    private static int ended(IntSupplier act) {
        try {
            return act.getAsInt();
        } catch (PolyglotException ended) {
            if (ended.isExit()) {
                return ended.getExitStatus();
            }
            say("graalpy: " + ended.getMessage());
            return ended.isResourceExhausted() || ended.isCancelled() ? KILLED : FAILED;
        } catch (Throwable broken) { // such as the memory of the JVM that is exhausted
            say("graalpy: " + broken);
            return FAILED;
        }
    }

    static void say(String sentence) {
        byte[] line = ("casemate: " + String.valueOf(sentence).replaceAll("\\p{Cntrl}+", " ") + "\n").getBytes(StandardCharsets.UTF_8);
        System.err.write(line, 0, line.length);
        System.err.flush();
    }
}

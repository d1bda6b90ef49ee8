import java.io.InputStream;
import java.io.OutputStream;
import org.graalvm.polyglot.Engine;
import org.graalvm.polyglot.SandboxPolicy;

/** Says which policies of a polyglot sandbox these libraries accept for Python, the strictest first. */
final class Policies {
    static int tell() {
        for (SandboxPolicy policy : new SandboxPolicy[] {SandboxPolicy.UNTRUSTED, SandboxPolicy.ISOLATED, SandboxPolicy.CONSTRAINED}) {
            try (Engine engine = Engine.newBuilder("python").sandbox(policy).in(InputStream.nullInputStream())
                    .out(OutputStream.nullOutputStream()).err(OutputStream.nullOutputStream()).build()) {
                System.out.println(policy + "\taccepted\t" + engine.getVersion());
            } catch (IllegalArgumentException refused) {
                System.out.println(policy + "\trefused\t" + refused.getMessage().lines().findFirst().orElse(""));
            }
        }
        return 0;
    }
}

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Reads the arguments of a program that was made ready before they were known: see casemate/sandbox/waiting.py. */
final class Waiting {
    private static final int MOST = 128 * 1024;
    private static final int LONGEST_LINE = 8;

    /** Wait for them; not one byte more is read. */
    static List<String> told(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int read = in.read(); read != '\n'; read = in.read()) {
            if (read < '0' || read > '9' || line.length() == LONGEST_LINE) {
                throw new IOException(read < 0 ? "standard input ended before the arguments came"
                        : "a line with a number of bytes is expected on standard input");
            }
            line.append((char) read);
        }
        int length = line.isEmpty() ? 0 : Integer.parseInt(line.toString());
        byte[] data = length > MOST ? new byte[0] : in.readNBytes(length);
        if (data.length != length || (length > 0 && data[length - 1] != 0)) {
            throw new IOException("up to " + MOST + " bytes of arguments can be told, each with a NUL byte at its end");
        }
        String text = new String(data, StandardCharsets.UTF_8);
        return text.isEmpty() ? List.of() : Arrays.asList(text.substring(0, text.length() - 1).split("\0", -1));
    }

    private Waiting() {}
}

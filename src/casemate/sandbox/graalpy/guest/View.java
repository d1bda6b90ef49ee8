import java.io.IOException;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.graalvm.polyglot.io.FileSystem;

/**
 * All that the guest sees of files: what lies in a granted tree, by its real place, and nothing else.
 *
 * Each path is resolved here, link by link, and what was checked is what is opened: the last step never follows a link.
 * What is not granted does not exist for the guest; the directories above a grant exist and cannot be listed.
 */
final class View implements FileSystem {
    private static final int MOST_LINKS = 40; // as Linux: path_resolution(7)
    private static final Path ROOT = Path.of("/");

    private final List<Path> readable;
    private final List<Path> writable;
    private final List<Path> denied;
    private final List<Path> home;
    private Path here = ROOT;

    /** Take trees and files by the places that they really have; `denied` beats all but the home of Python. */
    View(List<Path> home, List<Path> readable, List<Path> writable, List<Path> denied) throws IOException {
        this.home = real(home);
        this.writable = real(writable);
        this.readable = real(readable);
        this.denied = real(denied);
    }

    private List<Path> real(List<Path> paths) throws IOException {
        Set<Path> found = new HashSet<>();
        for (Path path : paths) {
            found.add(resolve(path, true));
        }
        return List.copyOf(found);
    }

    private static boolean in(Path path, List<Path> trees) {
        return trees.stream().anyMatch(path::startsWith);
    }

    private boolean shown(Path place) {
        return in(place, home) || (!in(place, denied) && (in(place, readable) || in(place, writable)));
    }

    private boolean above(Path place) {
        return Stream.of(home, readable, writable).flatMap(List::stream).anyMatch(tree -> tree.startsWith(place));
    }

    private Path mayRead(Path path, boolean follow) throws IOException {
        Path place = resolve(path, follow);
        if (!shown(place)) {
            throw new NoSuchFileException(path.toString());
        }
        return place;
    }

    /** What may be asked about: all that may be read, and the directories above. */
    private Path mayLook(Path path, boolean follow) throws IOException {
        Path place = resolve(path, follow);
        if (!shown(place) && !above(place)) {
            throw new NoSuchFileException(path.toString());
        }
        return place;
    }

    private Path mayWrite(Path path, boolean follow) throws IOException {
        Path place = resolve(path, follow);
        if (!in(place, writable) || in(place, denied) || in(place, home)) {
            throw shown(place) || above(place)
                    ? new AccessDeniedException(path.toString())
                    : new NoSuchFileException(path.toString());
        }
        return place;
    }

    /** What may be deleted, moved or replaced: all that may be written but for a grant itself, and what is around a denied place. */
    private Path mayName(Path path) throws IOException {
        Path place = mayWrite(path, false);
        if (writable.contains(place) || denied.stream().anyMatch(one -> one.startsWith(place))) {
            throw new AccessDeniedException(path.toString());
        }
        return place;
    }

    /** Give the real place of a path, whose last part need not exist. What stands in between must be a directory. */
    private Path resolve(Path path, boolean follow) throws IOException {
        Deque<String> ahead = new ArrayDeque<>();
        push(ahead, toAbsolutePath(path));
        Path place = ROOT;
        int links = 0;
        while (!ahead.isEmpty()) {
            String name = ahead.pop();
            if (name.equals("..")) {
                place = place.getParent() == null ? ROOT : place.getParent();
                continue;
            }
            Path next = name.equals(".") ? place : place.resolve(name);
            if ((follow || !ahead.isEmpty()) && Files.isSymbolicLink(next)) {
                if (++links > MOST_LINKS) {
                    throw new FileSystemLoopException(path.toString());
                }
                Path text = Files.readSymbolicLink(next);
                push(ahead, text);
                place = text.isAbsolute() ? ROOT : place;
                continue;
            }
            if (!ahead.isEmpty() && !Files.isDirectory(next, LinkOption.NOFOLLOW_LINKS)) {
                throw Files.exists(next, LinkOption.NOFOLLOW_LINKS) && shown(next)
                        ? new NotDirectoryException(path.toString())
                        : new NoSuchFileException(path.toString());
            }
            place = next;
        }
        return place;
    }

    private static void push(Deque<String> ahead, Path path) {
        for (int at = path.getNameCount() - 1; at >= 0; at--) {
            ahead.push(path.getName(at).toString());
        }
    }

    private static boolean follows(Object... options) {
        return !Arrays.asList(options).contains(LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public Path parsePath(URI uri) {
        throw new UnsupportedOperationException("paths are no URIs here");
    }

    @Override
    public Path parsePath(String path) {
        return Path.of(path);
    }

    @Override
    public Path toAbsolutePath(Path path) {
        return path.isAbsolute() ? path : here.resolve(path);
    }

    @Override
    public Path toRealPath(Path path, LinkOption... options) throws IOException {
        Path place = mayLook(path, follows((Object[]) options));
        if (!Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoSuchFileException(path.toString());
        }
        return place;
    }

    @Override
    public void setCurrentWorkingDirectory(Path directory) {
        here = directory;
    }

    @Override
    public void checkAccess(Path path, Set<? extends AccessMode> modes, LinkOption... options) throws IOException {
        boolean follow = follows((Object[]) options);
        Path place = modes.contains(AccessMode.WRITE) ? mayWrite(path, follow) : mayLook(path, follow);
        place.getFileSystem().provider().checkAccess(place, modes.toArray(new AccessMode[0]));
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options) throws IOException {
        Path place = mayLook(path, follows((Object[]) options));
        return Files.readAttributes(place, attributes, LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public SeekableByteChannel newByteChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        boolean follow = follows(options.toArray()) && !options.contains(StandardOpenOption.CREATE_NEW);
        boolean reads = options.isEmpty() || (options.contains(StandardOpenOption.READ)
                && options.stream().noneMatch(option -> option == StandardOpenOption.WRITE || option == StandardOpenOption.APPEND
                        || option == StandardOpenOption.CREATE || option == StandardOpenOption.CREATE_NEW
                        || option == StandardOpenOption.TRUNCATE_EXISTING || option == StandardOpenOption.DELETE_ON_CLOSE));
        Path place = reads ? mayRead(path, follow) : mayWrite(path, follow);
        Set<OpenOption> exact = new HashSet<>(options);
        exact.add(LinkOption.NOFOLLOW_LINKS);
        return Files.newByteChannel(place, exact, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path path, DirectoryStream.Filter<? super Path> filter) throws IOException {
        return Files.newDirectoryStream(mayRead(path, true), filter);
    }

    @Override
    public Path readSymbolicLink(Path path) throws IOException {
        return Files.readSymbolicLink(mayLook(path, false));
    }

    @Override
    public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
        Files.createDirectory(mayWrite(path, false), attributes);
    }

    @Override
    public void createSymbolicLink(Path link, Path target, FileAttribute<?>... attributes) throws IOException {
        Files.createSymbolicLink(mayWrite(link, false), target, attributes);
    }

    @Override
    public void createLink(Path link, Path existing) throws IOException {
        Files.createLink(mayWrite(link, false), mayName(existing));
    }

    @Override
    public void delete(Path path) throws IOException {
        Files.delete(mayName(path));
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        Files.move(mayName(source), mayName(target), options);
    }

    @Override
    public void copy(Path source, Path target, CopyOption... options) throws IOException {
        Files.copy(mayRead(source, follows((Object[]) options)), mayName(target), options);
    }

    @Override
    public void setAttribute(Path path, String attribute, Object value, LinkOption... options) throws IOException {
        if (attribute.contains("owner") || attribute.contains("group") || attribute.contains("acl") || attribute.contains("id")) {
            throw new FileSystemException(path.toString(), null, "the guest owns all that it may write");
        }
        Files.setAttribute(mayWrite(path, follows((Object[]) options)), attribute, value, LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public Path getTempDirectory() {
        return Path.of("/tmp");
    }
}

"""Programs whose options run other programs, or read and write files that are named in the option.

`takes` are the options that take the next word as their value, whatever it begins with: that word is no option.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from casemate.readers.code import Value


@dataclass(frozen=True, slots=True)
class Program:
    """What one option of a program does, and which options take the next word."""

    effect: str
    takes: frozenset[str] = frozenset()


TABLE = {
    "git": (
        "--upload-pack= runs a command, --output= writes a file",
        "--author -B -b --branch -C --date --depth -F --file --git-dir -m --message --namespace --work-tree",
    ),
    "hg": ("--config= runs a command by an alias", "-b --cwd -d --date -l -m --message -R -r --rev -u --user"),
    "svn": ("--config-option= runs a command", "-c -F --file -m --message --password -r --revision --username"),
    "ssh scp sftp": (
        "-oProxyCommand= runs a command",
        "-B -b -c -D -E -e -i -J -L -l -m -O -P -p -Q -R -W -w",
    ),
    "rsync": ("-e runs a command", "--exclude --exclude-from -f --files-from --include -T"),
    "tar": (
        "--to-command= and --checkpoint-action= run a command",
        (
            "-C -cf cf -cJf -cjf -cvf cvf -czf czf -czvf czvf --directory --exclude-from -f --file --files-from -T "
            "-tf tf -X -xf xf -xJf -xjf -xvf xvf -xzf xzf -xzvf xzvf -zcf zcf -zcvf zcvf -zxf zxf -zxvf zxvf"
        ),
    ),
    "zip": ("-T -TT runs a command", "-b -n -t --temp-path"),
    "curl": (
        "-o writes a file, -K and -T read one",
        (
            "-A -b -c --connect-timeout --cookie --cookie-jar -d --data --data-binary --data-raw --data-urlencode -e "
            "-F --form -H --header -m --max-time -o --output --referer --request --retry -T -u --upload-file --url "
            "--user --user-agent -w --write-out -X -x"
        ),
    ),
    "wget": (
        "-O writes a file, --use-askpass= runs a program",
        (
            "-a -D --directory-prefix --header -i -O -o --output-document --output-file -P --password --post-data -Q "
            "-T -t --timeout --tries -U --user --user-agent -w"
        ),
    ),
    "find": (
        "-exec runs a command, -delete deletes",
        (
            "-group -iname -ipath -iregex -maxdepth -mindepth -mmin -mtime -name -newer -path -perm -printf -regex "
            "-size -type -user -wholename"
        ),
    ),
    "psql": (
        "-c runs statements, and \\! a command",
        "-d --dbname -h --host -L -o --output -P -p --port --set -T -U --username -v",
    ),
    "pg_dump": (
        "-f writes a file",
        "-d --dbname -F -f --file --format -h --host -n -p --port -T -t --table -U --username",
    ),
    "mysql mariadb": (
        "--execute= runs statements, and \\! a command",
        "-D --database -h --host -P --port -S --socket -u --user",
    ),
    "mysqldump mariadb-dump": (
        "--result-file= writes a file",
        "-h --host -P --port -r -S --socket -u --user",
    ),
    "sqlite3": ("-cmd runs a command of the client, and with .shell any", "-nullvalue -separator"),
    "ffmpeg": (
        "-dump_attachment writes a file, -protocol_whitelist opens others",
        (
            "-ac -acodec -af -ar -b:a -b:v -c -c:a -c:v -codec -codec:a -codec:v -crf -f -filter:a -filter:v "
            "-filter_complex -frames:v -hls_segment_filename -i -loglevel -map -metadata -movflags -pix_fmt -preset "
            "-q:a -q:v -r -s -ss -t -threads -to -vcodec -vf -vframes"
        ),
    ),
    "convert magick mogrify montage composite": (
        "-write writes a file",
        (
            "-background -crop -density -draw -extent -fill -font -format -geometry -gravity -level -pointsize "
            "-quality -resize -rotate -size -thumbnail"
        ),
    ),
    "gs": ("-sOutputFile= writes a file, -dNOSAFER opens all", "-f -o"),
    "sendmail": ("-X writes a file, -C reads one", "-B -C -D -F -f -h -N -O -o -R -r -V -X"),
    "tcpdump": ("-z runs a command, -w writes a file", "-B -C -c -E -F -G -i -m -r -s -T -V -W -w -y"),
    "vi vim view nvim ex": (
        "-c runs a command of the editor, and with it of the shell",
        "-i -T -W -w",
    ),
    "emacs": ("--eval runs code", ""),
    "awk gawk mawk": (
        "-f runs the program in a file, -i inplace writes",
        "--assign -F --field-separator -v",
    ),
    "sed": ("-e runs a script, -i writes the file", "-l"),
    "sort": ("--compress-program= runs a program, -o writes a file", "-k --key -o --output -S -T -t"),
    "man": ("-P runs a command", "-C -L -M -m -S -s"),
    "nmap": ("--script= runs code, -oN writes a file", "-D -e --exclude -g -iL -iR -oA -oG -oN -oS -oX -p -S --script"),
    "docker podman": (
        "-v mounts any folder of the host",
        (
            "-a -c -e --entrypoint --env --env-file -f --file --filter --format -h -l --label -m --memory "
            "--name --network -p --platform --publish --restart -t --tag -u --user -w --workdir"
        ),
    ),
    "kubectl": (
        "--kubeconfig= runs the command that the file names",
        "-c --container --context -f --filename -l -n --namespace -o --output --selector",
    ),
    "helm": ("--post-renderer= runs a program", "-f -n --namespace --set --values --version"),
    "gcc g++ cc c++ clang clang++": ("-fplugin= and -wrapper run code", "-D -I -include -isystem -L -o -U -x"),
    "make": ("--eval= runs a command", "-C --directory -I -j -l -o -W"),
    "latex pdflatex xelatex lualatex": ("--shell-escape lets the document run commands", ""),
    "pandoc": ("--filter= runs a program, -o writes a file", "-f --from -M -o --output -r -t --to -V -w"),
    "wkhtmltopdf": (
        "--enable-local-file-access reads files",
        "-B --cookie --custom-header --footer-html --header-html -L -R -s -T",
    ),
    "exiftool": ("-if runs Perl, -w writes files", "-charset -d -ext -o -p -w"),
    "youtube-dl yt-dlp": ("--exec runs a command", "-f --format -o --output -P --paths"),
    "openssl": (
        "-engine loads a library",
        "-CAfile -connect -days -in -inkey -key -keyout -out -pass -passin -passout -subj",
    ),
    "gpg": ("--output writes a file", "--homedir --local-user -o --output --passphrase -r --recipient -u"),
    "nc ncat": ("-e runs a program", "-i -p -q -s -w -x"),
    "su": ("-c runs a command", "-s"),
    "gdb": ("-ex runs a command", "-c -p"),
    "apt-get": ("-o runs a command before the installation", "-t"),
    "pip pip3": (
        "--index-url= installs from another server",
        "-c --prefix -t --target",
    ),
    "chromium chromium-browser google-chrome": ("--renderer-cmd-prefix= runs a command", ""),
}
PROGRAMS = {
    name: Program(effect, frozenset(takes.split()))
    for names, (effect, takes) in TABLE.items()
    for name in names.split()
}
WRAPPERS = frozenset({"sudo", "env", "nice", "nohup", "setsid", "time", "timeout", "doas", "ionice", "stdbuf", "xargs"})


def found(words: Sequence[Value]) -> tuple[Program | None, Sequence[Value]]:
    """Give the row of the program that a command starts, and the words after its name; None where there is none."""
    for place, word in enumerate(words):
        if not isinstance(word.constant, str):
            return None, ()
        name = PurePosixPath(word.constant).name
        if name in PROGRAMS:
            return PROGRAMS[name], words[place + 1 :]
        if place == 0 and name not in WRAPPERS:
            return None, ()
    return None, ()


def open_places(row: Program, words: Sequence[Value]) -> Iterator[int]:
    """Yield where a word stands that may be taken for an option: not known, before `--`, no value of another one."""
    taken = False
    for place, word in enumerate(words):
        if word.constant == "--":
            return
        if not taken and not word.known and word.prefix in {"", "-", "--"}:
            yield place
        taken = isinstance(word.constant, str) and word.constant in row.takes

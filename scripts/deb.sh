#!/usr/bin/env bash
# The Debian package: built, unpacked into a folder of its own, and looked at. Nothing is installed but what it names.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh deb
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
tools=$target/tools
PATH=$PATH:$tools/bin

wanted=3.8.0
if ! command -v cargo-deb >/dev/null; then
    echo "Installing cargo-deb $wanted with cargo into $tools"
    # Without optimization: it compiles for less long than it would save.
    cargo install --quiet --locked --debug --version "$wanted" --root "$tools" --target-dir "$tools/build" cargo-deb
    rm -rf "$tools/build"
fi

echo "== building (release)"
cargo build --release --locked --quiet --package wucluster
program=$target/release/wucluster

# What the program says about itself. Below target/release, which cargo-deb knows by that name wherever it is.
parts=$target/release/deb
rm -rf "$parts"
mkdir -p "$parts/man" "$parts/completions"
"$program" man --dir "$parts/man" >/dev/null
gzip -9n "$parts"/man/*.1
for shell in bash zsh fish; do "$program" completions "$shell" >"$parts/completions/$shell"; done

echo "== packing"
# It was stripped when it was linked.
package=$(cargo deb --quiet --no-build --no-strip --package wucluster)
echo "$package: $(stat -c %s "$package" | awk '{ printf "%.1f MB", $1 / 1e6 }')"
dpkg-deb --field "$package" Package Version Architecture Installed-Size Depends Recommends

echo "== unpacked, and looked at"
root=$(mktemp -d "${TMPDIR:-/tmp}/wucluster-deb.XXXXXX")
trap 'rm -rf "$root"' EXIT
give_up() {
    echo "$1" >&2
    exit 1
}
dpkg-deb --extract "$package" "$root/unpacked"
cd "$root/unpacked"
packed=$PWD/usr/bin/wucluster
"$packed" --version

# The manual is that of this very program, page by page, and man finds nothing to warn of.
"$packed" man --dir "$root/man" >/dev/null
pages=0
for page in "$root"/man/*.1; do
    name=$(basename "$page")
    [ -s "usr/share/man/man1/$name.gz" ] || give_up "The manual page $name is not in the package."
    zcat "usr/share/man/man1/$name.gz" | cmp --silent - "$page" || give_up "The manual page $name is another one."
    LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w -E UTF-8 -l "usr/share/man/man1/$name.gz" >"$root/shown" 2>"$root/warnings"
    [ ! -s "$root/warnings" ] || give_up "man warns of $name: $(cat "$root/warnings")"
    grep -q '^NAME' "$root/shown" || give_up "man shows nothing of $name."
    pages=$((pages + 1))
done
[ "$pages" -eq "$(find usr/share/man/man1 -name '*.1.gz' | wc -l)" ] || give_up "There are more manual pages than commands."
echo "$pages manual pages, each shown by man without a warning"

for place in bash:usr/share/bash-completion/completions/wucluster zsh:usr/share/zsh/vendor-completions/_wucluster \
    fish:usr/share/fish/vendor_completions.d/wucluster.fish; do
    shell=${place%%:*} file=${place#*:}
    [ -s "$file" ] || give_up "There is no completion for $shell in the package."
    "$packed" completions "$shell" | cmp --silent - "$file" || give_up "The completion for $shell is another one."
    if command -v "$shell" >/dev/null; then
        "$shell" -n "$file" || give_up "$shell cannot read its completion."
        echo "completion for $shell: $shell reads it"
    else
        echo "completion for $shell: it is there ($shell is not, to read it)"
    fi
done

for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE copyright; do
    [ -s "usr/share/doc/wucluster/$file" ] || give_up "$file is not in the package."
done
# Every link of the README to a file leads somewhere.
grep -oE '\]\([^)#:]+' usr/share/doc/wucluster/README.md | cut -c3- | sort -u | while read -r link; do
    [ -e "usr/share/doc/wucluster/$link" ] || give_up "The README names $link, which is not in the package."
done
echo "README, changelog, licences and documentation are there"

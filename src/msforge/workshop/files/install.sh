#!/bin/sh
# Installs msforge from this folder, without a network: sh install.sh [FOLDER]
# FOLDER (default: msforge-workshop in your home folder) gets the environment, the examples and the documentation.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
folder=${1:-$HOME/msforge-workshop}

python=
for version in @{pythons}; do
    for candidate in ${MSFORGE_PYTHON:+"$MSFORGE_PYTHON"} "python$version" python3 python; do
        if found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) &&
            [ "$found" = "$version" ]; then
            python=$candidate
            break 2
        fi
    done
done
if [ -z "$python" ]; then
    echo "install: this bundle is for Python @{either}, and none was found." >&2
    echo "If it is installed somewhere else, name it: MSFORGE_PYTHON=/path/to/python3 sh install.sh" >&2
    exit 1
fi

mkdir -p "$folder"
folder=$(CDPATH='' cd -- "$folder" && pwd -P)
echo "Installing into $folder with Python $version ..."
"$python" -m venv --without-pip --clear "$folder/.venv"
set -- "$here"/wheels/pip-*.whl
"$folder/.venv/bin/python" "$1/pip" --isolated --disable-pip-version-check install --quiet \
    --no-index --find-links "$here/wheels" pip '@{package}'

for part in examples docs labs; do
    if [ -d "$here/$part" ] && [ ! -e "$folder/$part" ]; then
        cp -R "$here/$part" "$folder/$part"
    fi
done
cat >"$folder/msforge" <<'SCRIPT'
#!/bin/sh
exec "$(dirname -- "$0")/.venv/bin/python" -m msforge "$@@"
SCRIPT
chmod 755 "$folder/msforge"

"$folder/msforge" --version
echo "Done. Now:"
echo "  cd '$folder'"
echo "  ./msforge doctor"

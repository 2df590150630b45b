#!/bin/sh
# Sees to the system packages that system-packages.txt, beside this file, lists.
#
#     system-packages.sh need WORD      installs what `make WORD` needs and is not there
#     system-packages.sh has PACKAGE    exit code 0: it is there; 1: it is not; 2: it is not listed
#
# `need` says in one line what it is about to install. With SYSTEM_PACKAGES=no, without root or
# without apt-get it prints that line and stops; `need test` prints it and goes on.
set -eu

list=$(dirname "$0")/system-packages.txt
PATH=$PATH:/usr/sbin:/sbin # ldconfig's place, which ordinary users seldom have on theirs

found() { # PROBE
    name=${1#*:}
    case $1 in
        command:*) command -v "$name" ;;
        library:*) [ "$(uname)" != Linux ] || ldconfig -p | grep -F "$name" ;;
        module:*) "${PYTHON:-python3}" -c "import $name" ;;
        *) false ;;
    esac >/dev/null 2>&1
}

lines() { # PACKAGE PROBE WORDS, one line for each package
    grep -v -e '^#' -e '^$' "$list"
}

missing() { # WORD
    lines | while read -r package probe words _; do
        case ,$words, in
            *,"$1",*) found "$probe" || printf ' %s' "$package" ;;
        esac
    done
}

may_install() {
    [ "${SYSTEM_PACKAGES:-yes}" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install() { # PACKAGE... One by one, so that one that cannot be had does not keep the others away.
    apt-get -qq update || return 0
    for package in "$@"; do
        DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install --yes --no-install-recommends "$package" >/dev/null || true
    done
}

need() { # WORD
    packages=$(missing "$1")
    [ -n "$packages" ] || return 0
    echo "make $1 needs, as root: apt-get install --yes --no-install-recommends$packages" >&2
    if may_install; then
        # shellcheck disable=SC2086 # package names hold no spaces
        install $packages
        packages=$(missing "$1")
        [ -n "$packages" ] || return 0
        echo "make $1: still not there:$packages" >&2
    fi
    [ "$1" = test ] # whose tests tell by themselves what they miss
}

has() { # PACKAGE
    lines | {
        while read -r package probe _; do
            if [ "$package" = "$1" ]; then
                found "$probe" && exit 0
                exit 1
            fi
        done
        exit 2
    }
}

case ${1:-} in
    need) need "$2" ;;
    has) has "$2" ;;
    *) echo "usage: system-packages.sh need WORD | has PACKAGE" >&2 && exit 64 ;;
esac

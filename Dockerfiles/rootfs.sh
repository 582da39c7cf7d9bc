#!/bin/sh
# rootfs.sh DIR: lay out in DIR what Debian's Python needs to run, and no more: no shell, no package manager.
# The packages come from apt, so their signatures are checked; the base image's own release decides on versions.
set -eu
root=$1

packages="base-files libc6 libgcc-s1 libstdc++6 zlib1g libbz2-1.0 liblzma5 libexpat1 libffi8 libuuid1 libssl3
  python3.11-minimal libpython3.11-minimal libpython3.11-stdlib"

mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/status.d" /debs
for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done

apt-get update
cd /debs
# shellcheck disable=SC2086
apt-get download $packages
for deb in *.deb; do
  # Character-set converters, debugging aids and build files are for other programs. Licences stay.
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --wildcards \
    --exclude='*/gconv' --exclude='*/audit' --exclude='*/engines-3' --exclude='*/ossl-modules' \
    --exclude='./usr/share/man' --exclude='./usr/share/lintian' --exclude='./usr/share/locale' --exclude='./usr/share/bug' \
    --exclude='./usr/share/gcc' --exclude='./usr/share/gdb' --exclude='./usr/share/binfmts' \
    --exclude='./usr/share/pixmaps' --exclude='./usr/share/applications' \
    --exclude='./usr/share/base-files' --exclude='./usr/share/doc/*/changelog*' --exclude='./usr/share/doc/*/NEWS*' \
    --exclude='./usr/share/doc/*/README*' --exclude='./usr/share/doc/*/*.gz' --exclude='./usr/share/doc/*/*.html' \
    --exclude='*/python3.11/lib2to3' --exclude='*/python3.11/pydoc_data' --exclude='*/python3.11/distutils' \
    --exclude='*/python3.11/turtle.py' --exclude='*/python3.11/config-3.11-*' \
    --exclude='*/libmemusage.so' --exclude='*/libpcprofile.so' --exclude='*/libc_malloc_debug.so*' \
    --exclude='*/libthread_db.so*' --exclude='*/libnsl.so*' --exclude='*/libnss_compat.so*' --exclude='*/libnss_hesiod.so*' \
    --exclude='*/python3.11/test' --exclude='*/python3.11/unittest' --exclude='*/python3.11/xmlrpc' \
    --exclude='*/python3.11/sqlite3' --exclude='*/python3.11/curses' --exclude='*/python3.11/dbm' \
    --exclude='*/python3.11/pydoc.py' --exclude='*/python3.11/doctest.py' --exclude='*/python3.11/pdb.py' \
    --exclude='*/lib-dynload/_codecs_*' --exclude='*/lib-dynload/_test*' --exclude='*/lib-dynload/_xxtest*' \
    --exclude='*/lib-dynload/_sqlite3*' --exclude='*/lib-dynload/_curses*' --exclude='*/lib-dynload/_dbm*' \
    --exclude='*/lib-dynload/readline*' --exclude='*/lib-dynload/audioop*' --exclude='*/lib-dynload/nis*'
  # Where scanners look for packages when there is no dpkg database.
  dpkg-deb --field "$deb" >"$root/var/lib/dpkg/status.d/$(dpkg-deb --field "$deb" Package)"
done
rm -rf /debs /var/lib/apt/lists/*

ln -s python3.11 "$root/usr/bin/python3"
echo 'root:x:0:0:root:/root:/sbin/nologin
nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >"$root/etc/passwd"
echo 'root:x:0:
nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Compiled here, because the root is read-only where it runs; without the sources, which are a third of it. A traceback
# still names file and line. Unchecked: a file in an image does not change under its name.
python3.11 -m compileall -q -b --invalidation-mode unchecked-hash -p / -s "$root" "$root/usr/lib/python3.11"
find "$root/usr/lib/python3.11" -name '*.py' -delete

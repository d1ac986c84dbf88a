#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The last step of `meson install`: the helper has no rights yet, and giving them is the administrator's decision.
#
#   say_setcap.sh FOLDER    where concadvise-probe was installed to; DESTDIR is put before it
if [ -n "${MESON_INSTALL_QUIET-}" ]; then exit 0; fi
# Meson up to 1.0 keeps what an install script says to itself: there, say it where meson speaks.
case $(readlink /proc/self/fd/1) in
"$(readlink "/proc/$PPID/fd/1")") ;;
*) if { true >>"/proc/$PPID/fd/1"; } 2>/dev/null; then exec >>"/proc/$PPID/fd/1"; fi ;;
esac
cat <<END

concadvise-probe was installed without any rights: measure with sudo, or let every user measure programs of their own:
    sudo setcap cap_bpf,cap_perfmon+ep ${DESTDIR-}$1/concadvise-probe
END

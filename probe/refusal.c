/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/refusal.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#include "base/base.h"

#define NEEDED_MAJOR 5
#define NEEDED_MINOR 18

static void read_own_status(struct circumstances *c)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    int no_new_privs = 0;

    while (file && fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "CapEff: %" SCNx64, &c->effective);
        (void)sscanf(line, "NoNewPrivs: %d", &no_new_privs);
    }
    c->no_new_privs = no_new_privs != 0;
}

/* The initial user namespace maps every id to itself (user_namespaces(7)). */
static bool is_user_namespace(void)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/self/uid_map", "re");
    unsigned long inside = 0, outside = 0, count = 0;

    return file && fscanf(file, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
           (inside != 0 || outside != 0 || count != 4294967295ul);
}

static bool is_confidential(void)
{
    AUTO_FCLOSE FILE *file = fopen("/sys/kernel/security/lockdown", "re");
    char text[128] = "";

    return file && fgets(text, sizeof(text), file) && strstr(text, "[confidentiality]");
}

void circumstances_read(const char *helper, struct circumstances *ret_circumstances)
{
    struct circumstances c = {.btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0, .root = geteuid() == 0};
    struct utsname name;
    struct statvfs place;

    if (uname(&name) == 0)
        (void)sscanf(name.release, "%u.%u", &c.major, &c.minor);
    read_own_status(&c);
    c.user_namespace = is_user_namespace();
    c.confidential = is_confidential();
    if (helper) {
        c.file_capabilities = getxattr(helper, "security.capability", NULL, 0) > 0;
        c.nosuid = statvfs(helper, &place) == 0 && place.f_flag & ST_NOSUID;
    }
    *ret_circumstances = c;
}

static bool has(const struct circumstances *c, unsigned capability)
{
    return c->effective >> capability & 1 || c->effective >> CAP_SYS_ADMIN & 1;
}

static enum refusal of_rights(const struct circumstances *c)
{
    if (c->user_namespace)
        return REFUSAL_USER_NAMESPACE;
    if (c->root)
        return REFUSAL_CONTAINER;
    if (c->no_new_privs)
        return REFUSAL_NO_NEW_PRIVS;
    return c->file_capabilities && c->nosuid ? REFUSAL_NOSUID : REFUSAL_RIGHTS;
}

enum refusal refusal_of(const struct circumstances *c, int error)
{
    bool refused = error == -EPERM || error == -EACCES;

    if (c->major < NEEDED_MAJOR || (c->major == NEEDED_MAJOR && c->minor < NEEDED_MINOR))
        return REFUSAL_KERNEL;
    if (!has(c, CAP_BPF) || !has(c, CAP_PERFMON) || (refused && c->user_namespace))
        return of_rights(c);
    if (!c->btf)
        return REFUSAL_BTF;
    if (c->confidential)
        return REFUSAL_LOCKDOWN;
    return refused ? REFUSAL_FILTER : REFUSAL_OTHER;
}

void refusal_say(enum refusal refusal, const struct circumstances *c, int error, const char *helper, char *message,
                 size_t size)
{
    const char *path = helper ? helper : "concadvise-probe";

    switch (refusal) {
    case REFUSAL_KERNEL:
        (void)snprintf(message, size, "Linux %u.%u is too old for the BPF programs: they need %d.%d or later", c->major,
                       c->minor, NEEDED_MAJOR, NEEDED_MINOR);
        break;
    case REFUSAL_BTF:
        (void)snprintf(message, size,
                       "this kernel has no BTF (/sys/kernel/btf/vmlinux), by which the BPF programs find their way in "
                       "it: use a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's and Ubuntu's are");
        break;
    case REFUSAL_LOCKDOWN:
        (void)snprintf(message, size,
                       "the kernel is locked down so that BPF may not read memory: boot it without "
                       "lockdown=confidentiality (lockdown=integrity is fine)");
        break;
    case REFUSAL_USER_NAMESPACE:
        (void)snprintf(message, size,
                       "this is a user namespace (a rootless container): its capabilities do not reach the kernel, run "
                       "concadvise outside of it");
        break;
    case REFUSAL_NO_NEW_PRIVS:
        (void)snprintf(message, size,
                       "no_new_privs is set here (by a container, systemd or setpriv), so that neither sudo nor the "
                       "capabilities of %s take effect: start concadvise where it is not",
                       path);
        break;
    case REFUSAL_NOSUID:
        (void)snprintf(message, size,
                       "%s lies on a file system mounted nosuid, where its capabilities have no effect: run concadvise "
                       "with sudo, or install it elsewhere",
                       path);
        break;
    case REFUSAL_CONTAINER:
        (void)snprintf(
            message, size,
            "this root lacks %s%s%s (a container?): start the container with --cap-add BPF --cap-add PERFMON",
            has(c, CAP_BPF) ? "" : "cap_bpf", has(c, CAP_BPF) || has(c, CAP_PERFMON) ? "" : " and ",
            has(c, CAP_PERFMON) ? "" : "cap_perfmon");
        break;
    case REFUSAL_RIGHTS:
        (void)snprintf(message, size,
                       "the BPF programs need root or capabilities: run concadvise with sudo, or give them to its "
                       "helper, once: sudo setcap cap_bpf,cap_perfmon+ep %s",
                       path);
        break;
    case REFUSAL_FILTER:
        (void)snprintf(message, size,
                       "the kernel refused the BPF programs although the capabilities are there (%s): a filter of "
                       "system calls or a security module is in the way (a container's?)",
                       strerror(-error));
        break;
    case REFUSAL_OTHER:
        (void)snprintf(message, size,
                       "the kernel did not take the BPF programs (%s): CONCADVISE_PROBE_DEBUG=1 shows its own words",
                       strerror(-error));
        break;
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/capability.h>

#include "base/base.h"
#include "probe/refusal.h"

#define BPF (UINT64_C(1) << CAP_BPF)
#define PERFMON (UINT64_C(1) << CAP_PERFMON)

/* What is changed about a machine on which everything is there. */
struct change {
    unsigned major, minor;
    uint64_t lacks, has; /* capabilities */
    bool no_btf, confidential, root, no_new_privs, user_namespace, file_capabilities, nosuid;
};

static struct circumstances changed(const struct change *change)
{
    return (struct circumstances){
        .major = change->major ? change->major : 6,
        .minor = change->minor,
        .btf = !change->no_btf,
        .confidential = change->confidential,
        .effective = ((BPF | PERFMON) & ~change->lacks) | change->has,
        .root = change->root,
        .no_new_privs = change->no_new_privs,
        .user_namespace = change->user_namespace,
        .file_capabilities = change->file_capabilities,
        .nosuid = change->nosuid,
    };
}

static void each_reason_is_told_from_the_others(void **state)
{
    static const struct {
        struct change change;
        int error;
        enum refusal expected;
        const char *words[2]; /* in the sentence */
    } cases[] = {
        {{.major = 5, .minor = 17}, -EINVAL, REFUSAL_KERNEL, {"Linux 5.17", "5.18"}},
        {{.major = 4, .minor = 19, .lacks = BPF | PERFMON}, -EPERM, REFUSAL_KERNEL, {"Linux 4.19", ""}},
        {{.no_btf = true}, -ESRCH, REFUSAL_BTF, {"/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"}},
        {{.confidential = true}, -EPERM, REFUSAL_LOCKDOWN, {"lockdown=confidentiality", ""}},
        {{.confidential = true}, -EINVAL, REFUSAL_LOCKDOWN, {"locked down", ""}},
        {{.lacks = BPF | PERFMON}, -EPERM, REFUSAL_RIGHTS, {"sudo", "setcap cap_bpf,cap_perfmon+ep /x/helper"}},
        {{.lacks = BPF | PERFMON, .has = 1u << CAP_CHOWN}, -EPERM, REFUSAL_RIGHTS, {"sudo", "setcap"}},
        {{.lacks = PERFMON}, -EACCES, REFUSAL_RIGHTS, {"sudo", "setcap"}},
        /* Both things are missing: the one that the user can mend comes first. */
        {{.lacks = BPF | PERFMON, .no_btf = true}, -EPERM, REFUSAL_RIGHTS, {"sudo", "setcap"}},
        {{.lacks = BPF | PERFMON, .no_new_privs = true}, -EPERM, REFUSAL_NO_NEW_PRIVS, {"no_new_privs", "/x/helper"}},
        {{.lacks = BPF | PERFMON, .file_capabilities = true, .nosuid = true},
         -EPERM,
         REFUSAL_NOSUID,
         {"nosuid", "/x/helper"}},
        {{.lacks = BPF | PERFMON, .nosuid = true}, -EPERM, REFUSAL_RIGHTS, {"setcap", ""}},
        {{.lacks = BPF | PERFMON, .root = true},
         -EPERM,
         REFUSAL_CONTAINER,
         {"cap_bpf and cap_perfmon", "--cap-add BPF"}},
        {{.lacks = PERFMON, .root = true}, -EPERM, REFUSAL_CONTAINER, {"lacks cap_perfmon ", ""}},
        {{.lacks = BPF, .root = true}, -EPERM, REFUSAL_CONTAINER, {"lacks cap_bpf ", ""}},
        {{.root = true, .user_namespace = true}, -EPERM, REFUSAL_USER_NAMESPACE, {"user namespace", "outside"}},
        {{.user_namespace = true, .no_btf = true}, -ENOENT, REFUSAL_BTF, {"BTF", ""}},
        {{.root = true}, -EPERM, REFUSAL_FILTER, {"although the capabilities are there", "Operation not permitted"}},
        {{.lacks = BPF | PERFMON, .has = UINT64_C(1) << CAP_SYS_ADMIN},
         -EACCES,
         REFUSAL_FILTER,
         {"filter", "Permission denied"}},
        {{.root = true}, -EINVAL, REFUSAL_OTHER, {"Invalid argument", "CONCADVISE_PROBE_DEBUG=1"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct circumstances here = changed(&cases[i].change);
        enum refusal found = refusal_of(&here, cases[i].error);
        char message[512] = "";

        refusal_say(found, &here, cases[i].error, "/x/helper", message, sizeof(message));
        if (found != cases[i].expected || !strstr(message, cases[i].words[0]) || !strstr(message, cases[i].words[1]))
            fail_msg("case %zu: %d, \"%s\"", i, (int)found, message);
        assert_true(message[strlen(message) - 1] != '.');
    }
}

static void circumstances_are_those_of_this_process(void **state)
{
    struct circumstances here;

    (void)state;
    circumstances_read("/bin/sh", &here);
    assert_true(here.major >= 4);
    assert_int_equal(here.root, geteuid() == 0);
    assert_false(here.file_capabilities);
    circumstances_read(NULL, &here);
    assert_false(here.nosuid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_is_told_from_the_others),
        cmocka_unit_test(circumstances_are_those_of_this_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

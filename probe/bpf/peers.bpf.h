/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * peers: TCP connections that the target opens, by process and peer, with the time that the handshake took.
 *
 * Costs others a comparison at changes of TCP state, and a look-up when a connect ends.
 */

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define IPPROTO_TCP 6
#define CLASS_CONNECT 0

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, struct peer_key);
    __type(value, struct peer_value);
} peers SEC(".maps");

struct connecting {
    __u64 start;
    struct peer_key key;
};

/* Connects under way, by address of the socket. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 2048);
    __type(key, __u64);
    __type(value, struct connecting);
} connects SEC(".maps");

/* IPv4 as such, also where an IPv6 socket carries it (::ffff:a.b.c.d). */
static __always_inline void peer_key_read(const struct sock *sk, struct peer_key *key)
{
    __u32 address4 = sk->__sk_common.skc_daddr;
    __u32 word[4] = {};

    key->port = bpf_ntohs(sk->__sk_common.skc_dport);
    key->family = sk->__sk_common.skc_family;
    if (key->family == AF_INET6) {
        bpf_probe_read_kernel(word, sizeof(word), &sk->__sk_common.skc_v6_daddr);
        if (word[0] || word[1] || word[2] != bpf_htonl(0xffff)) {
            __builtin_memcpy(key->address, word, sizeof(word));
            return;
        }
        address4 = word[3];
        key->family = AF_INET;
    }
    __builtin_memcpy(key->address, &address4, sizeof(address4));
}

static __always_inline void connect_begins(void *context, const struct sock *sk, struct slot *slot)
{
    struct connecting connecting = {.start = bpf_ktime_get_ns()};
    struct peer_value *value, fresh = {.first = connecting.start};
    __u64 id = (__u64)sk;
    struct totals *t;

    connecting.key.tgid = slot->tgid;
    peer_key_read(sk, &connecting.key);
    value = bpf_map_lookup_elem(&peers, &connecting.key);
    if (!value) {
        bpf_map_update_elem(&peers, &connecting.key, &fresh, BPF_NOEXIST);
        value = bpf_map_lookup_elem(&peers, &connecting.key);
    }
    if (!value) {
        t = run_totals();
        if (t)
            __sync_fetch_and_add(&t->peers_omitted, 1);
        return;
    }
    __sync_fetch_and_add(&value->connects, 1);
    value->last = connecting.start;
    bpf_map_update_elem(&connects, &id, &connecting, BPF_ANY);
    if (take_stacks && stack_picked(slot, CLASS_CONNECT, connecting.start) >= 0) {
        __u32 stack = stack_take(context, slot, connecting.start, 0, STACK_CONNECT);

        if (stack)
            value->stack_id = stack;
    }
}

static __always_inline void connect_ends(const struct sock *sk, int established)
{
    __u64 id = (__u64)sk, now;
    struct connecting *connecting = bpf_map_lookup_elem(&connects, &id);
    struct peer_value *value;

    if (!connecting)
        return;
    value = established ? bpf_map_lookup_elem(&peers, &connecting->key) : 0;
    if (value) {
        now = bpf_ktime_get_ns();
        __sync_fetch_and_add(&value->established, 1);
        __sync_fetch_and_add(&value->handshake_ns, now - connecting->start);
    }
    bpf_map_delete_elem(&connects, &id);
}

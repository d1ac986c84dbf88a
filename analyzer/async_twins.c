/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/async_twins.h"

#include "base/base.h"
#include "probe/measurement.h"

/* Most specific first: a stack in requests runs through urllib3, http.client, ssl and socket. */
static const struct {
    const char *prefix; /* of a module's last path component, or of a dotted Python module */
    struct async_twin twin;
} twins[] = {
    {"requests", {"requests", "aiohttp or httpx.AsyncClient"}},
    {"httpx", {"httpx", "httpx.AsyncClient"}},
    {"psycopg2", {"psycopg2", "psycopg (version 3) AsyncConnection or asyncpg"}},
    {"psycopg", {"psycopg", "psycopg.AsyncConnection"}},
    {"pymysql", {"pymysql", "aiomysql"}},
    {"MySQLdb", {"mysqlclient", "aiomysql or asyncmy"}},
    {"mysql", {"mysql-connector", "mysql.connector.aio"}},
    {"redis", {"redis", "redis.asyncio"}},
    {"pymongo", {"pymongo", "pymongo.AsyncMongoClient or motor"}},
    {"botocore", {"boto3", "aioboto3"}},
    {"boto3", {"boto3", "aioboto3"}},
    {"grpc", {"grpc", "grpc.aio"}},
    {"elasticsearch", {"elasticsearch", "AsyncElasticsearch"}},
    {"cassandra", {"cassandra-driver", "execute_async()"}},
    {"pika", {"pika", "aio-pika"}},
    {"paramiko", {"paramiko", "asyncssh"}},
    {"smtplib", {"smtplib", "aiosmtplib"}},
    {"oracledb", {"oracledb", "oracledb.connect_async()"}},
    {"cx_Oracle", {"cx_Oracle", "oracledb.connect_async()"}},
    {"pyodbc", {"pyodbc", NULL}},
    {"ibm_db", {"ibm_db", NULL}},
    {"hdbcli", {"hdbcli", NULL}},
    {"zeep", {"zeep", "zeep.AsyncClient"}},
    {"ftplib", {"ftplib", "aioftp"}},
    {"ldap3", {"ldap3", NULL}},
    {"urllib3", {"urllib3", "aiohttp or httpx.AsyncClient"}},
    {"urllib", {"urllib.request", "aiohttp or httpx.AsyncClient"}},
    {"http.client", {"http.client", "aiohttp or httpx.AsyncClient"}},
    {"libpq", {"libpq", "psycopg.AsyncConnection or asyncpg (C: PQsendQuery)"}},
    {"libmysqlclient", {"libmysqlclient", "aiomysql (C: mysql_real_query_nonblocking)"}},
    {"libmariadb", {"libmariadb", "aiomysql (C: the _start/_cont functions)"}},
    {"libcurl", {"libcurl", "the multi interface (curl_multi_*)"}},
};

static bool matches(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 && (name[n] == '\0' || strchr(".-_/", name[n]));
}

const struct async_twin *async_twin_of(const char *module)
{
    const char *name = strrchr(module, '/');

    name = name ? name + 1 : module;
    for (size_t i = 0; i < ARRAY_SIZE(twins); i++)
        if (matches(name, twins[i].prefix))
            return &twins[i].twin;
    return NULL;
}

/* A Python frame's file names its package by a directory: ".../site-packages/requests/sessions.py". */
static const struct async_twin *twin_of_file(const char *file)
{
    for (size_t i = 0; i < ARRAY_SIZE(twins); i++) {
        const char *at = file;
        size_t n = strlen(twins[i].prefix);

        while ((at = strstr(at, twins[i].prefix))) {
            if ((at == file || at[-1] == '/') && (at[n] == '/' || at[n] == '.' || at[n] == '_'))
                return &twins[i].twin;
            at += n;
        }
    }
    /* http/client.py is the only one that spreads over two path components. */
    return strstr(file, "http/client.py") ? async_twin_of("http.client") : NULL;
}

static const struct async_twin *twin_of_site(const struct site *site)
{
    const struct async_twin *best = NULL;

    /* The outermost known library is the one the program called. */
    for (size_t i = 0; i < site->n_frames; i++) {
        const struct frame *frame = &site->frames[i];
        const struct async_twin *twin = frame->file ? twin_of_file(frame->file) : NULL;

        if (!twin && frame->module)
            twin = async_twin_of(frame->module);
        if (twin)
            best = twin;
    }
    return best;
}

static bool is_external(enum cause cause)
{
    return cause == CAUSE_NETWORK || cause == CAUSE_PIPE;
}

const struct async_twin *async_twin_seen(const struct measurement *m)
{
    const struct async_twin *best = NULL;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct async_twin *twin =
            !m->sites[i].on_cpu && is_external(m->sites[i].cause) ? twin_of_site(&m->sites[i]) : NULL;

        if (twin)
            return twin;
    }
    /* No stack tells: then the most specific library that is loaded. The table's order says which that is. */
    for (size_t i = 0; i < m->n_modules; i++) {
        const struct async_twin *twin = async_twin_of(m->modules[i]);

        if (twin && (!best || twin < best))
            best = twin;
    }
    return best;
}

bool async_twin_at_hand(const struct measurement *m)
{
    const struct async_twin *seen = async_twin_seen(m);
    uint64_t disk_ns = m->blocked_ns[CAUSE_DISK];
    uint64_t other_ns = m->blocked_ns[CAUSE_NETWORK] + m->blocked_ns[CAUSE_SLEEP] + m->blocked_ns[CAUSE_PIPE];

    /* Files have no asynchronous interface worth the name: event loops hand them to threads, too. */
    if (disk_ns > other_ns)
        return false;
    if (m->target.runtime.kind == RUNTIME_NATIVE)
        return false;
    if (seen)
        return seen->twin != NULL;
    /* Sockets and timers of the standard library have a twin in asyncio, libuv, fibers, virtual threads. */
    return true;
}

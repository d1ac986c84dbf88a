# SPDX-License-Identifier: BSD-2-Clause
#
# A report over twelve months: one slow PostgreSQL query each, one after the other.
#
# Folklore: "it computes for seconds: processes". Measured: this program computes nothing; it waits for the database.
# Ask for several months at once (or mend the query); a process pool would only hide the wait behind more memory.
#
# run: python3 {file}
# server: postgresql
# needs: python3-psycopg2
# expect: model=coroutines|threads change=switch finding=CA3201
import os
import sys

import psycopg2

DSN = os.environ.get("CONCADVISE_PG_DSN") or sys.exit("needs a PostgreSQL: set CONCADVISE_PG_DSN='host=... dbname=...'")

QUERY = "SELECT count(*), pg_sleep(0.05) FROM generate_series(1, 150000) AS day WHERE day * 7919 %% 12 = %s"

with psycopg2.connect(DSN) as connection, connection.cursor() as cursor:
    for month in range(12):
        cursor.execute(QUERY, (month,))
        print(month + 1, cursor.fetchone()[0])

# SPDX-License-Identifier: BSD-2-Clause
#
# An asyncio server to which nobody talks; it gives up after 1.5 s.
#
# Folklore: "blocked 99 % of the time: I/O-bound". Measured: nothing was outstanding. No verdict about an idle server:
# drive load while measuring.
#
# run: python3 {file}
# expect: model=none finding=CA9003
import asyncio


async def answer(reader, writer):
    writer.write(await reader.readline())
    writer.close()


async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", 0):
        await asyncio.sleep(1.5)
    print("nobody came")


asyncio.run(main())

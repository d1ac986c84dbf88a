# SPDX-License-Identifier: BSD-2-Clause
#
# The same kind of computing in coroutines, "gathered" so that it runs at once.
#
# Folklore: asyncio makes it concurrent. Measured: a coroutine that never waits never lets go; this is the serial
# program with a detour. Processes help.
#
# run: python3 {file}
# expect: model=processes change=switch
import asyncio


async def score(document):
    total = 0
    for step in range(10):
        for position in range(25_000):
            total = (total * 31 + position ^ document) & 0xFFFFFFFF
        await asyncio.sleep(0)
    return total


async def main():
    print(sum(await asyncio.gather(*(score(document) for document in range(60)))))


asyncio.run(main())

# SPDX-License-Identifier: BSD-2-Clause
#
# Coroutines that wait with time.sleep() instead of asyncio.sleep().
#
# Folklore: "it is async, so it is concurrent". Measured: each sleep stops the whole event loop. The model is right;
# the call is wrong.
#
# run: python3 {file}
# expect: model=coroutines change=fix finding=CA3101
import asyncio
import time


async def poll_device(number):
    for _ in range(3):
        time.sleep(0.02)  # the flaw: should be `await asyncio.sleep(0.02)`
        await asyncio.sleep(0.005)
    return number


async def main():
    print(sum(await asyncio.gather(*(poll_device(number) for number in range(25)))))


asyncio.run(main())

# SPDX-License-Identifier: BSD-2-Clause
"""Python code whose file and functions are named by somebody who means no good; each waits half a second in all."""
import threading

EVIL = "\x1b]52;c;cHk=\x07\n\r\t\x7f\x9b\u202e\u2066\u200b\U000e0041\ud800\udcff</script>-->`|"
SOURCE = """
import time
def pause():
    for _ in range(25):
        time.sleep(0.02)
"""

space = {}
exec(compile(SOURCE, "file" + EVIL + ".py", "exec"), space)
pause = space["pause"]
changes = {"co_name": "function" + EVIL}
if hasattr(pause.__code__, "co_qualname"):
    changes["co_qualname"] = changes["co_name"]
pause.__code__ = pause.__code__.replace(**changes)
threads = [threading.Thread(target=pause) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

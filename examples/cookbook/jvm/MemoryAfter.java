// SPDX-License-Identifier: BSD-2-Clause
//
// The service of MemoryBefore with room for twenty answers: the oldest goes.
//
// run: {class}
// expect: model=serial|coroutines|threads|processes|none not-finding=CA5002
import java.util.HashMap;
import java.util.Map;

class MemoryAfter {
    public static void main(String[] arguments) throws InterruptedException {
        Map<Integer, byte[]> cache = new HashMap<>();
        for (int request = 0; request < 500; request++) {
            cache.put(request, new byte[400_000]);
            cache.remove(request - 20);
            Thread.sleep(5);
        }
        System.out.println(cache.size());
    }
}

// SPDX-License-Identifier: BSD-2-Clause
//
// Answers a request every 5 ms and keeps each answer in a map without a bound.
//
// run: {class}
// expect: model=serial|coroutines|threads|processes|none finding=CA5002
import java.util.HashMap;
import java.util.Map;

class MemoryBefore {
    public static void main(String[] arguments) throws InterruptedException {
        Map<Integer, byte[]> cache = new HashMap<>();
        for (int request = 0; request < 500; request++) {
            cache.put(request, new byte[400_000]);
            Thread.sleep(5);
        }
        System.out.println(cache.size());
    }
}

// SPDX-License-Identifier: BSD-2-Clause
//
// The questions of WaitingBefore, asked by ten threads of an executor.
//
// run: {class}
// server: delay
// expect: model=threads|coroutines not-finding=CA3001
import java.io.IOException;
import java.net.URL;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

class WaitingAfter {
    static int ask() throws IOException {
        try (var answer = new URL(System.getenv("CONCADVISE_DELAY_URL") + "/delay/40").openStream()) {
            return answer.readAllBytes().length;
        }
    }

    public static void main(String[] arguments) throws Exception {
        var pool = Executors.newFixedThreadPool(10);
        int sum = 0;
        for (var answer : pool.invokeAll(Collections.<Callable<Integer>>nCopies(30, WaitingAfter::ask))) sum += answer.get();
        pool.shutdown();
        System.out.println(sum);
    }
}

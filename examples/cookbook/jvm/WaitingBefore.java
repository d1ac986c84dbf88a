// SPDX-License-Identifier: BSD-2-Clause
//
// Asks a service thirty times, one question after the other.
//
// run: {class}
// server: delay
// expect: model=threads|coroutines finding=CA3001
import java.io.IOException;
import java.net.URL;

class WaitingBefore {
    static int ask() throws IOException {
        try (var answer = new URL(System.getenv("CONCADVISE_DELAY_URL") + "/delay/40").openStream()) {
            return answer.readAllBytes().length;
        }
    }

    public static void main(String[] arguments) throws IOException {
        int sum = 0;
        for (int i = 0; i < 30; i++) sum += ask();
        System.out.println(sum);
    }
}

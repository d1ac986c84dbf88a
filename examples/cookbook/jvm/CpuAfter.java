// SPDX-License-Identifier: BSD-2-Clause
//
// The pieces of CpuBefore in a parallel stream: as many threads as there are CPUs.
//
// run: {class}
// expect: model=threads not-finding=CA1001
import java.util.stream.LongStream;

class CpuAfter {
    static long piece(long value) {
        for (int i = 0; i < 12_000_000; i++) {
            value ^= value << 13;
            value ^= value >>> 7;
            value ^= value << 17;
        }
        return value;
    }

    public static void main(String[] arguments) {
        System.out.println(LongStream.rangeClosed(1, 80).parallel().map(CpuAfter::piece).sum());
    }
}

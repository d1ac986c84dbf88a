// SPDX-License-Identifier: BSD-2-Clause
//
// Eighty independent pieces of arithmetic, one after the other.
//
// run: {class}
// expect: model=threads finding=CA1001
class CpuBefore {
    static long piece(long value) {
        for (int i = 0; i < 12_000_000; i++) {
            value ^= value << 13;
            value ^= value >>> 7;
            value ^= value << 17;
        }
        return value;
    }

    public static void main(String[] arguments) {
        long sum = 0;
        for (int i = 1; i <= 80; i++) sum += piece(i);
        System.out.println(sum);
    }
}

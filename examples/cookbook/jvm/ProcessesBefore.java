// SPDX-License-Identifier: BSD-2-Clause
//
// Starts gzip for each of three hundred small texts and waits for it.
//
// run: {class}
// expect: model=serial|threads|processes finding=CA4001
import java.io.IOException;

class ProcessesBefore {
    static int pack(String text) throws IOException {
        Process gzip = new ProcessBuilder("gzip", "-c").start();
        try (var input = gzip.getOutputStream()) {
            input.write(text.getBytes());
        }
        return gzip.getInputStream().readAllBytes().length;
    }

    public static void main(String[] arguments) throws IOException {
        int bytes = 0;
        for (int item = 0; item < 300; item++) bytes += pack("text ".repeat(item));
        System.out.println(bytes);
    }
}

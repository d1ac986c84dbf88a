// SPDX-License-Identifier: BSD-2-Clause
//
// The texts of ProcessesBefore, compressed in this process.
//
// run: {class}
// expect: model=serial|threads|processes|none not-finding=CA4001
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.zip.GZIPOutputStream;

class ProcessesAfter {
    static int pack(String text) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var output = new GZIPOutputStream(packed)) {
            output.write(text.getBytes());
        }
        return packed.size();
    }

    public static void main(String[] arguments) throws IOException {
        int bytes = 0;
        for (int item = 0; item < 300; item++) bytes += pack("text ".repeat(item));
        System.out.println(bytes);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */

/* A hostile symbol name, through libiberty and then onto a terminal. */

#include "base/base.h"
#include "probe/symbols/demangle.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *name = strndup(size ? (const char *)data : "", size);
    AUTO_FREE char *shown = name ? demangle(name) : NULL;
    AUTO_BUFFER terminal = {0}, html = {0}, markdown = {0};

    FUZZ_CHECK(shown && strlen(shown) <= DEMANGLE_INPUT_MAX);
    escape_terminal(&terminal, shown, true);
    escape_html(&html, shown);
    escape_markdown(&markdown, shown);
    escape_markdown_code(&markdown, shown, true);
    (void)escape_columns(buffer_text(&terminal));
    for (size_t columns = 0; columns < 80; columns += 7) {
        size_t used = 0;

        FUZZ_CHECK(escape_fit(buffer_text(&terminal), columns, &used) <= terminal.length && used <= columns);
    }
    for (const char *c = buffer_text(&html); *c; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f && *c != '<');
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names nothing as it should: the process, a thread, a generated function (/tmp/perf-PID.map), and this file in its own
 * debug information. Built with -DLIBRARY it is the library that the program loads, whose function is given such a name
 * with objcopy.
 *
 *     hostile LIBRARY
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PAUSES 60
#define EVIL_SYMBOL "library\033]52;c;bGli\007\n\t\302\233\342\200\256\377</script>|`"

#ifdef LIBRARY
void library_pause(void);

#line 1000 "library\033[31m\n<!--.c"
__attribute__((noinline)) void library_pause(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    __asm__ volatile("");
}
#else

/* dec rdi; jnz -5; ret */
static const uint8_t spin[] = {0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3};

static void *generate(void)
{
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char path[64];
    FILE *map;

    if (code == MAP_FAILED)
        exit(1);
    memcpy(code, spin, sizeof(spin));
    (void)snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    map = fopen(path, "w");
    if (!map)
        exit(1);
    (void)fprintf(map, "%lx %zx jit\033]52;c;aml0\007\t\302\233\342\200\256\377</script>\n", (unsigned long)code,
                  sizeof(spin));
    (void)fclose(map);
    (void)puts(path);
    (void)fflush(stdout);
    return code;
}

#line 2000 "thread\033[31m\342\200\256</script>.c"
static void *thread_main(void *argument)
{
    void (*pause)(void) = (void (*)(void))argument;

    (void)prctl(PR_SET_NAME, "thr\033]52;c;dA\007\377");
    for (int i = 0; i < PAUSES; i++)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    void *pause = library ? dlsym(library, EVIL_SYMBOL) : NULL;
    void (*burn)(uint64_t) = (void (*)(uint64_t))generate();
    pthread_t thread;

    (void)prctl(PR_SET_NAME, "m\033[2J\n\r\302\233\342\200\256");
    if (!pause || pthread_create(&thread, NULL, thread_main, pause) != 0)
        return 1;
    for (int i = 0; i < 20; i++)
        burn(10000000);
    return pthread_join(thread, NULL);
}
#endif

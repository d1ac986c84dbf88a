/* SPDX-License-Identifier: BSD-2-Clause */

/* Waits in native code, called from Python: through ctypes, and where Python.h is there as an extension module. */

#ifdef WITH_PYTHON
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#endif
#include <time.h>

long waits_done;

__attribute__((noinline)) void wait_in_library(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    nanosleep(&t, NULL); /* MARK library */
    waits_done++;
}

#ifdef WITH_PYTHON
static PyObject *wait_in_extension(PyObject *self, PyObject *arguments)
{
    PyThreadState *state;
    int ms;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "i", &ms))
        return NULL;
    state = PyEval_SaveThread();
    wait_in_library(ms);
    PyEval_RestoreThread(state);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"wait_in_extension", wait_in_extension, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "waits_extension", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_waits_extension(void)
{
    return PyModule_Create(&module);
}
#endif

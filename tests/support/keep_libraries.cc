// For AddressSanitizer only: plugins of Open MPI and PMIx stay loaded to the end of the process, so
// a leak report can say which library a block comes from, and a suppression can name it.
extern "C" int dlclose(void*) { return 0; }

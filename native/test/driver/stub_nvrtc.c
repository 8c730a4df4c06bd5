// An NVRTC whose machine code is a line of text, and which refuses sources with "refuse" in them. Counts what it compiles in the file COMPILED.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char name[64]; int bad; } Program;

int nvrtcVersion(int* major, int* minor) { return *major = getenv("STUB_NVRTC") ? atoi(getenv("STUB_NVRTC")) : 13, *minor = 0, 0; }
const char* nvrtcGetErrorString(int result) { return result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR"; }
int nvrtcCreateProgram(Program** p, const char* source, const char* name, int n, const char* const* texts, const char* const* names) {
  (void)n, (void)texts, (void)names;
  *p = calloc(1, sizeof(Program));
  snprintf((*p)->name, sizeof (*p)->name, "%s", name);
  (*p)->bad = strstr(source, "refuse") != NULL;
  return 0;
}
int nvrtcDestroyProgram(Program** p) { return free(*p), 0; }
int nvrtcCompileProgram(Program* p, int count, const char* const* options) {
  FILE* log = fopen(getenv("COMPILED"), "a");
  fprintf(log, "%s", p->name);
  for (int i = 0; i < count; ++i) fprintf(log, " %s", options[i]);
  fprintf(log, "\n");
  fclose(log);
  for (int i = 0; i < count; ++i) p->bad |= strstr(options[i], "=refuse") != NULL;
  return p->bad ? 6 : 0;
}
int nvrtcGetProgramLogSize(Program* p, size_t* bytes) { return (void)p, *bytes = 17, 0; }
int nvrtcGetProgramLog(Program* p, char* log) { return (void)p, strcpy(log, "line 1: nonsense"), 0; }
int nvrtcGetCUBINSize(Program* p, size_t* bytes) { return *bytes = 10 + strlen(p->name), 0; }
int nvrtcGetCUBIN(Program* p, char* to) { return sprintf(to, "image of %s", p->name), 0; }
int nvrtcGetPTXSize(Program* p, size_t* bytes) { return nvrtcGetCUBINSize(p, bytes); }
int nvrtcGetPTX(Program* p, char* to) { return nvrtcGetCUBIN(p, to); }
int nvrtcGetNumSupportedArchs(int* count) { return *count = 3, 0; }
int nvrtcGetSupportedArchs(int* list) { return list[0] = 75, list[1] = 90, list[2] = 120, 0; }

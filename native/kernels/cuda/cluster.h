// Words for blocks that share memory (sm_90), copies that run beside the computation (sm_80), and tensor cores.
#pragma once
#include "platform.h"

namespace fusor::cuda {

#ifdef FUSOR_EMULATED

DEVICE void inOrder() {}
DEVICE unsigned clusterRank() { return fusorRuntime->current->rank; }
DEVICE void clusterArrive() { fusorRuntime->clusterArrive(); }
DEVICE void clusterWait() { fusorRuntime->clusterWait(); }
DEVICE void storeRemote(float* own, unsigned rank, float value) {
  const auto at = reinterpret_cast<unsigned char*>(own) - fusorRuntime->shared(clusterRank());
  *reinterpret_cast<float*>(fusorRuntime->shared(rank) + at) = value;
}
template <int BYTES>
DEVICE void copyAsync(void* to, const void* from) {
  fusorRuntime->copyLater(to, from, BYTES);
}
DEVICE void commitCopies() { fusorRuntime->commitCopies(); }
DEVICE void waitForCopies() { fusorRuntime->waitForCopies(0); }
DEVICE unsigned toTf32(float x) { return (__float_as_uint(x) + 0x1000u) & ~0x1fffu; }
DEVICE void multiplyTf32(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const unsigned mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const unsigned char* slots = fusorRuntime->exchange(mine, sizeof mine);
  const int lane = static_cast<int>(threadIdx.x) % 32, r = lane / 4, q = lane % 4;
  const auto of = [&](int from, int which) {
    unsigned bits;
    std::memcpy(&bits, slots + from * emulated::kSlot + 4 * which, 4);
    return __uint_as_float(bits & ~0x1fffu);
  };
  for (int i = 0; i < 4; ++i) {
    const int row = r + 8 * (i / 2), column = 2 * q + i % 2;
    for (int k = 0; k < 8; ++k) c[i] += of(row % 8 * 4 + k % 4, row / 8 + 2 * (k / 4)) * of(column * 4 + k % 4, 4 + k / 4);
  }
}

#else

// Keeps the compiler from loading ahead of here: what it would hold that long are registers.
DEVICE void inOrder() { asm volatile("" ::: "memory"); }

DEVICE unsigned clusterRank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// What was stored before the arrival is seen after the wait, in every block of the cluster.
DEVICE void clusterArrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
DEVICE void clusterWait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

DEVICE unsigned sharedAddress(const void* pointer) { return static_cast<unsigned>(__cvta_generic_to_shared(pointer)); }

// To where `own` lies in the shared memory of block `rank`.
DEVICE void storeRemote(float* own, unsigned rank, float value) {
  unsigned there;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(sharedAddress(own)), "r"(rank));
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(there), "f"(value) : "memory");
}

template <int BYTES>
DEVICE void copyAsync(void* to, const void* from) {
  if constexpr (BYTES == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(to)), "l"(from) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(sharedAddress(to)), "l"(from) : "memory");
  }
}
DEVICE void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
DEVICE void waitForCopies() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

DEVICE unsigned toTf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
// c[16, 8] += a[16, 8] b[8, 8]. With r = lane / 4, q = lane % 4, a lane holds a: (r, q), (r + 8, q), (r, q + 4), (r + 8, q + 4);
// b: (q, r), (q + 4, r); c: (r, 2q), (r, 2q + 1), (r + 8, 2q), (r + 8, 2q + 1).
DEVICE void multiplyTf32(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif

// One product with float32's accuracy from tf32's: the parts that rounding cuts off are multiplied too. EXACT: b has no
// such part (bytes).
template <bool EXACT>
DEVICE void multiplySplit(float (&c)[4], const float (&a)[4], float b0, float b1) {
  unsigned high[4], low[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    high[i] = toTf32(a[i]);
    low[i] = toTf32(a[i] - __uint_as_float(high[i]));
  }
  const unsigned high0 = EXACT ? __float_as_uint(b0) : toTf32(b0), high1 = EXACT ? __float_as_uint(b1) : toTf32(b1);
  multiplyTf32(c, low, high0, high1);
  if constexpr (!EXACT) multiplyTf32(c, high, toTf32(b0 - __uint_as_float(high0)), toTf32(b1 - __uint_as_float(high1)));
  multiplyTf32(c, high, high0, high1);
}

template <bool EXACT>
DEVICE void multiplyRounded(float (&c)[4], const float (&a)[4], float b0, float b1) {
  unsigned high[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) high[i] = toTf32(a[i]);
  multiplyTf32(c, high, EXACT ? __float_as_uint(b0) : toTf32(b0), EXACT ? __float_as_uint(b1) : toTf32(b1));
}

}  // namespace fusor::cuda

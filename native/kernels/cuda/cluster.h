// Words for blocks that share memory (sm_90), copies that run beside the computation, and tensor cores on bfloat16.
#pragma once
#include "bf16.h"

namespace fusor::cuda {

#ifdef FUSOR_EMULATED

DEVICE unsigned clusterRank() { return fusorRuntime->current->rank; }
DEVICE void clusterArrive() { fusorRuntime->clusterArrive(); }
DEVICE void clusterWait() { fusorRuntime->clusterWait(); }
DEVICE void* remote(void* own, unsigned rank) {
  return fusorRuntime->shared(rank) + (static_cast<unsigned char*>(own) - fusorRuntime->shared(clusterRank()));
}
DEVICE void initBarrier(unsigned long long*) {}
DEVICE void barriersAreThere() {}
DEVICE void storesBeforeCopies() {}
DEVICE void expectBytes(unsigned long long* barrier, unsigned bytes) { fusorRuntime->expectBytes(barrier, bytes); }
DEVICE void waitForBytes(unsigned long long* barrier, unsigned parity) { fusorRuntime->waitForBytes(barrier, parity); }
DEVICE void sendTo(unsigned rank, float* own, float value, unsigned long long* barrier) {
  *static_cast<float*>(remote(own, rank)) = value;
  fusorRuntime->completeBytes(remote(barrier, rank), sizeof value);
}
DEVICE void copyRow(void* to, const void* from, unsigned bytes, unsigned long long* barrier) {
  fusorRuntime->copyLater(to, from, bytes, barrier);
}
template <bool TURNED>
DEVICE void loadMatrices(const Bf16* at, unsigned (&to)[4]) {
  const unsigned char* slots = fusorRuntime->exchange(&at, sizeof at);
  const int lane = static_cast<int>(threadIdx.x) % 32, r = lane / 4, q = lane % 4;
  for (int m = 0; m < 4; ++m) {
    Bf16 pair[2];
    for (int i = 0; i < 2; ++i) {
      const Bf16* row;
      memcpy(&row, slots + (8 * m + (TURNED ? 2 * q + i : r)) * emulated::kSlot, sizeof row);
      pair[i] = row[TURNED ? r : 2 * q + i];
    }
    to[m] = pair[0] | static_cast<unsigned>(pair[1]) << 16;
  }
}
DEVICE void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const unsigned mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const unsigned char* slots = fusorRuntime->exchange(mine, sizeof mine);
  const int lane = static_cast<int>(threadIdx.x) % 32, r = lane / 4, q = lane % 4;
  const auto of = [&](int from, int which, int half) {
    unsigned bits;
    memcpy(&bits, slots + from * emulated::kSlot + 4 * which, 4);
    return __uint_as_float(half ? bits & 0xffff0000u : bits << 16);
  };
  for (int i = 0; i < 4; ++i) {
    const int row = r + 8 * (i / 2), column = 2 * q + i % 2;
    for (int k = 0; k < 16; ++k) {
      c[i] += of(row % 8 * 4 + k % 8 / 2, row / 8 + 2 * (k / 8), k % 2) * of(column * 4 + k % 8 / 2, 4 + k / 8, k % 2);
    }
  }
}

#else

DEVICE unsigned clusterRank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// What was stored before the arrival is seen after the wait, in every block of the cluster.
DEVICE void clusterArrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
DEVICE void clusterWait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

DEVICE unsigned sharedAddress(const void* pointer) { return static_cast<unsigned>(__cvta_generic_to_shared(pointer)); }

// A barrier that counts bytes: a phase ends when somebody has said how many to expect, and as many have come.
DEVICE void initBarrier(unsigned long long* barrier) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(sharedAddress(barrier)) : "memory");
}
DEVICE void barriersAreThere() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
// Between what a thread stored and copies to the same place.
DEVICE void storesBeforeCopies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
DEVICE void expectBytes(unsigned long long* barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(bytes) : "memory");
}
// Waits for the end of the phase of this parity: 0 for the first. What it counts lies in this block's own memory: acquired for
// the cluster, it would wait for all loads under way and empty the first-level cache, 1,400 cycles on an H100.
DEVICE void waitForBytes(unsigned long long* barrier, unsigned parity) {
  unsigned ended = 0;
  while (!ended) {
    asm volatile(
        "{\n .reg .pred p;\n mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n selp.u32 %0, 1, 0, p;\n}"
        : "=r"(ended)
        : "r"(sharedAddress(barrier)), "r"(parity)
        : "memory");
  }
}
// To where `own` lies in the shared memory of block `rank`; counted by its `barrier`.
DEVICE void sendTo(unsigned rank, float* own, float value, unsigned long long* barrier) {
  unsigned there, counter;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(sharedAddress(own)), "r"(rank));
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(counter) : "r"(sharedAddress(barrier)), "r"(rank));
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(there), "r"(__float_as_uint(value)),
               "r"(counter)
               : "memory");
}

// Beside the computation, counted by a barrier of this block; addresses and bytes are multiples of 16. Whoever read what
// stood there has to be done.
DEVICE void copyRow(void* to, const void* from, unsigned bytes, unsigned long long* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(sharedAddress(to)),
               "l"(from), "r"(bytes), "r"(sharedAddress(barrier))
               : "memory");
}

// Four matrices [8, 8]: lane i gives the address of row i % 8 of matrix i / 8, and gets of each matrix row lane / 4, columns
// 2 (lane % 4) and the next; TURNED: column lane / 4, those rows.
template <bool TURNED>
DEVICE void loadMatrices(const Bf16* at, unsigned (&to)[4]) {
  if constexpr (TURNED) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(sharedAddress(at))
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(sharedAddress(at))
                 : "memory");
  }
}
// c[16, 8] += a[16, 16] b[16, 8], pairs of bfloat16. With r = lane / 4, q = lane % 4, a lane holds a: (r, 2q…), (r + 8, 2q…),
// (r, 2q + 8…), (r + 8, 2q + 8…); b: (2q…, r), (2q + 8…, r); c: (r, 2q), (r, 2q + 1), (r + 8, 2q), (r + 8, 2q + 1).
DEVICE void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif

}  // namespace fusor::cuda

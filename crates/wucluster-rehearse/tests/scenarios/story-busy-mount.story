A process holds a mount while the cluster is put away: that mount is held with its node, all else goes on; once it lets go, the rest goes too.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: run an instance for n2
      0.5  ask: make a blank volume of 1 GiB for n1/home
      0.5  ask: make a blank volume of 1 GiB for n2/home
      2.4  n1/home: away -> available
      2.4  n2: away -> pending
      2.4  n2/home: away -> creating
      3.3  n1: away -> pending
      5.0  n2/home: creating -> available
      7.2  n1: pending -> running
      7.2  ask: attach vol-0e6c1988caa4a55ee of n1/home to i-0c0952ee9884d5755
      8.0  n1/home: available -> attaching
      8.0  n2: pending -> running
      8.0  ask: attach vol-06095097402ce2467 of n2/home to i-06fc0cce6fddb6fe0
      8.8  n1/home: attaching -> attached
      8.8  n2/home: available -> attaching
     10.8  ask: make ext4 on vol0e6c1988caa4a55ee of n1/home
     11.1  ask: mark vol-0e6c1988caa4a55ee of n1/home: content=data filesystem=ext4 own
     11.8  n2/home: attaching -> attached
     11.8  ask: mount n1/home at /mnt/home
     12.1  n1/home has data at write epoch 1
     12.1  n1/home: attached -> mounted
     15.0  ask: make ext4 on vol06095097402ce2467 of n2/home
     15.4  ask: mark vol-06095097402ce2467 of n2/home: content=data filesystem=ext4 own
     16.3  ask: mount n2/home at /mnt/home
     16.6  n2/home has data at write epoch 1
     16.6  n2/home: attached -> mounted
     16.6  -- reached
     16.6  a user writes to n1/home
     16.6  a user writes to n2/home
     16.6  -- drive to away
     16.7  a process holds n1/home
     16.9  ask: unmount n2/home
     17.1  ask: unmount n1/home
     17.1  n2/home: mounted -> attached
     17.1  ask: detach vol-06095097402ce2467 of n2/home from i-06fc0cce6fddb6fe0
     17.2  n1/home: umount failed (1): in use
     18.2  ask: unmount n1/home
     18.4  n1/home: umount failed (2): in use
     18.8  n2/home: attached -> detaching
     19.6  n2/home: detaching -> available
     19.6  ask: mark vol-06095097402ce2467 of n2/home: epoch=1 sealed
     20.2  ask: terminate i-06fc0cce6fddb6fe0 of n2
     20.4  ask: unmount n1/home
     20.6  n1/home: umount failed (3): in use
     20.6  ask: take a snapshot of vol-06095097402ce2467 of n2/home
     20.7  held[mount-busy] n1/home: it cannot be unmounted: 1 process holds it (asked 3 times); pid 5000    user     process-5000   a file
     22.0  n2: running -> shutting-down
     24.9  ask: unmount n1/home
     25.1  n1/home: umount failed (4): in use
     29.4  n2: shutting-down -> away
     29.4  ask: delete vol-06095097402ce2467 of n2/home, kept by snap-0e705f15d32a95704
     30.2  n2/home: available -> deleting
     33.8  ask: unmount n1/home
     33.9  n1/home: umount failed (5): in use
     34.0  n2/home: deleting -> away
     39.5  -- held
     39.5  all lets go of n1/home
     39.5  -- drive to away
     40.2  ask: unmount n1/home
     40.6  n1/home: mounted -> attached
     40.6  ask: detach vol-0e6c1988caa4a55ee of n1/home from i-0c0952ee9884d5755
     42.5  n1/home: attached -> detaching
     45.4  n1/home: detaching -> available
     45.4  ask: mark vol-0e6c1988caa4a55ee of n1/home: epoch=1 sealed
     46.4  ask: terminate i-0c0952ee9884d5755 of n1
     46.8  ask: take a snapshot of vol-0e6c1988caa4a55ee of n1/home
     47.8  n1: running -> shutting-down
     50.0  n1: shutting-down -> away
     65.4  ask: delete vol-0e6c1988caa4a55ee of n1/home, kept by snap-00d17d20ce3694fab
     66.1  n1/home: available -> deleting
     67.2  n1/home: deleting -> away
     67.2  -- reached
     67.2  -- calm
     67.2  -- drive to away
     67.6  -- reached
     67.6  -- drive to away
     67.9  -- reached
     67.9  -- drive to launched
     68.4  ask: run an instance for n1
     68.4  ask: run an instance for n2
     68.4  ask: make a volume of 1 GiB for n1/home from snap-00d17d20ce3694fab
     68.4  ask: make a volume of 1 GiB for n2/home from snap-0e705f15d32a95704
     70.0  n1: away -> pending
     70.0  n1/home: away -> creating
     70.0  n2: away -> pending
     70.8  n2/home: away -> available
     73.0  n1/home: creating -> available
     73.0  n2: pending -> running
     73.0  ask: attach vol-09bc5deacad146063 of n2/home to i-05ee5ea60db6adc9e
     73.8  n2/home: available -> attaching
     75.8  n1: pending -> running
     75.8  ask: attach vol-09e716de07068f938 of n1/home to i-043c0c308d6453274
     76.8  n1/home: available -> attaching
     76.8  n2/home: attaching -> attached
     77.6  ask: mount n2/home at /mnt/home
     78.0  n2/home has data at write epoch 2
     78.0  n2/home: attached -> mounted
     78.5  n1/home: attaching -> attached
     79.2  ask: mount n1/home at /mnt/home
     79.5  n1/home has data at write epoch 2
     79.5  n1/home: attached -> mounted
     79.5  -- reached
     79.5  a user writes to n1/home
     79.5  a user writes to n2/home
     79.5  -- drive to away
     80.0  ask: unmount n2/home
     80.0  ask: unmount n1/home
     80.3  n2/home: mounted -> attached
     80.3  ask: detach vol-09bc5deacad146063 of n2/home from i-05ee5ea60db6adc9e
     80.4  n1/home: mounted -> attached
     80.4  ask: detach vol-09e716de07068f938 of n1/home from i-043c0c308d6453274
     81.0  n1/home: attached -> detaching
     81.0  n2/home: attached -> detaching
     82.8  n2/home: detaching -> available
     82.8  ask: mark vol-09bc5deacad146063 of n2/home: epoch=2 sealed
     83.5  ask: terminate i-05ee5ea60db6adc9e of n2
     83.8  ask: take a snapshot of vol-09bc5deacad146063 of n2/home
     84.9  n1/home: detaching -> available
     84.9  n2: running -> shutting-down
     84.9  ask: mark vol-09e716de07068f938 of n1/home: epoch=2 sealed
     85.7  ask: terminate i-043c0c308d6453274 of n1
     86.7  n1: running -> shutting-down
     86.7  ask: take a snapshot of vol-09e716de07068f938 of n1/home
     90.4  n2: shutting-down -> away
     91.1  ask: delete vol-09bc5deacad146063 of n2/home, kept by snap-006a0d7ded1cb98ab
     92.0  n2/home: available -> deleting
     93.7  n1: shutting-down -> away
     93.7  n2/home: deleting -> away
    100.8  ask: delete vol-09e716de07068f938 of n1/home, kept by snap-0f371aaa6c8e2c332
    101.5  n1/home: available -> deleting
    102.6  n1/home: deleting -> away
    102.6  -- reached
    102.6  -- drive to launched
    103.1  ask: run an instance for n1
    103.1  ask: run an instance for n2
    103.1  ask: make a volume of 1 GiB for n1/home from snap-0f371aaa6c8e2c332
    103.1  ask: make a volume of 1 GiB for n2/home from snap-006a0d7ded1cb98ab
    104.8  n1/home: away -> creating
    104.8  n2: away -> pending
    104.8  n2/home: away -> available
    105.9  n1: away -> pending
    106.8  n1/home: creating -> available
    106.8  n2: pending -> running
    106.8  ask: attach vol-0166219fc75a43c3d of n2/home to i-008118749cbbd35e5
    107.9  n1: pending -> running
    107.9  n2/home: available -> attaching
    107.9  ask: attach vol-0b53faa42b880e22d of n1/home to i-0b5f07f8046fa8d1f
    108.3  n1/home: available -> attaching
    110.0  n1/home: attaching -> attached
    110.2  ask: mount n1/home at /mnt/home
    110.7  n1/home has data at write epoch 3
    110.7  n1/home: attached -> mounted
    111.9  n2/home: attaching -> attached
    113.6  ask: mount n2/home at /mnt/home
    113.9  n2/home has data at write epoch 3
    113.9  n2/home: attached -> mounted
    113.9  -- reached

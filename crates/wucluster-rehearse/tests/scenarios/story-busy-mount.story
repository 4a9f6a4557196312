A process holds a mount while the cluster is put away: that mount is held with its node, all else goes on; once it lets go, the rest goes too.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: run an instance for n2
      0.5  ask: make a blank volume of 1 GiB for n1/home
      0.5  ask: make a blank volume of 1 GiB for n2/home
      1.4  n1/home: away -> creating
      1.4  n2/home: away -> creating
      2.0  n1: away -> pending
      3.5  n1/home: creating -> available
      3.5  n2: away -> pending
      4.7  n1: pending -> running
      4.7  n2/home: creating -> available
      4.7  ask: attach vol-0e6c1988caa4a55ee of n1/home to i-076707870c85598f1
      5.5  n1/home: available -> attaching
      6.8  n1/home: attaching -> attached
      8.3  ask: make ext4 on vol0e6c1988caa4a55ee of n1/home
      8.5  ask: mark vol-0e6c1988caa4a55ee of n1/home: content=data filesystem=ext4 own
      9.2  n2: pending -> running
      9.2  ask: mount n1/home at /mnt/home
      9.2  ask: attach vol-06095097402ce2467 of n2/home to i-0acdbe8e199f3df9a
      9.5  n1/home has data at write epoch 1
      9.5  n1/home: attached -> mounted
     10.1  n2/home: available -> attaching
     12.9  n2/home: attaching -> attached
     13.4  ask: make ext4 on vol06095097402ce2467 of n2/home
     13.8  ask: mark vol-06095097402ce2467 of n2/home: content=data filesystem=ext4 own
     14.4  ask: mount n2/home at /mnt/home
     14.6  n2/home has data at write epoch 1
     14.6  n2/home: attached -> mounted
     14.6  -- reached
     14.6  a user writes to n1/home
     14.6  a user writes to n2/home
     14.6  -- drive to away
     14.7  a process holds n1/home
     15.4  ask: unmount n2/home
     15.4  ask: unmount n1/home
     15.5  n1/home: umount failed (1): in use
     15.8  n2/home: mounted -> attached
     15.8  ask: detach vol-06095097402ce2467 of n2/home from i-0acdbe8e199f3df9a
     16.5  ask: unmount n1/home
     16.6  n2/home: attached -> detaching
     16.7  n1/home: umount failed (2): in use
     18.7  ask: unmount n1/home
     18.9  n1/home: umount failed (3): in use
     19.1  held[mount-busy] n1/home: it cannot be unmounted: 1 process holds it (asked 3 times); pid 5000    user     process-5000   a file
     19.4  n2/home: detaching -> available
     19.4  ask: mark vol-06095097402ce2467 of n2/home: epoch=1 sealed
     19.7  ask: terminate i-0acdbe8e199f3df9a of n2
     20.3  n2: running -> shutting-down
     20.3  ask: take a snapshot of vol-06095097402ce2467 of n2/home
     23.7  ask: unmount n1/home
     23.8  n1/home: umount failed (4): in use
     28.5  n2: shutting-down -> away
     29.0  ask: delete vol-06095097402ce2467 of n2/home, kept by snap-0e705f15d32a95704
     29.7  n2/home: available -> deleting
     32.0  ask: unmount n1/home
     32.2  n1/home: umount failed (5): in use
     34.2  n2/home: deleting -> away
     42.6  -- held
     42.6  all lets go of n1/home
     42.6  -- drive to away
     43.1  ask: unmount n1/home
     43.4  n1/home: mounted -> attached
     43.4  ask: detach vol-0e6c1988caa4a55ee of n1/home from i-076707870c85598f1
     43.8  n1/home: attached -> detaching
     48.1  n1/home: detaching -> available
     48.1  ask: mark vol-0e6c1988caa4a55ee of n1/home: epoch=1 sealed
     48.6  ask: terminate i-076707870c85598f1 of n1
     49.0  ask: take a snapshot of vol-0e6c1988caa4a55ee of n1/home
     49.6  n1: running -> shutting-down
     57.4  n1: shutting-down -> away
     67.2  ask: delete vol-0e6c1988caa4a55ee of n1/home, kept by snap-00d17d20ce3694fab
     68.0  n1/home: available -> deleting
     69.4  n1/home: deleting -> away
     69.4  -- reached
     69.4  -- calm
     69.4  -- drive to away
     70.1  -- reached
     70.1  -- drive to away
     70.4  -- reached
     70.4  -- drive to launched
     70.9  ask: run an instance for n1
     70.9  ask: run an instance for n2
     70.9  ask: make a volume of 1 GiB for n1/home from snap-00d17d20ce3694fab
     70.9  ask: make a volume of 1 GiB for n2/home from snap-0e705f15d32a95704
     71.6  n1/home: away -> creating
     72.2  n1: away -> pending
     73.7  n2: away -> pending
     73.7  n2/home: away -> available
     75.1  n1/home: creating -> available
     78.1  n1: pending -> running
     78.1  n2: pending -> running
     78.1  ask: attach vol-09e716de07068f938 of n1/home to i-0c5fd3f6f3b7f167c
     78.1  ask: attach vol-09bc5deacad146063 of n2/home to i-004bdce1a20019509
     78.6  n1/home: available -> attaching
     78.6  n2/home: available -> attaching
     80.0  n1/home: attaching -> attached
     81.2  n2/home: attaching -> attached
     81.9  ask: mount n1/home at /mnt/home
     82.2  n1/home has data at write epoch 2
     82.2  n1/home: attached -> mounted
     82.7  ask: mount n2/home at /mnt/home
     83.0  n2/home has data at write epoch 2
     83.0  n2/home: attached -> mounted
     83.0  -- reached
     83.0  a user writes to n1/home
     83.0  a user writes to n2/home
     83.0  -- drive to away
     83.5  ask: unmount n2/home
     83.6  ask: unmount n1/home
     83.9  n1/home: mounted -> attached
     83.9  ask: detach vol-09e716de07068f938 of n1/home from i-0c5fd3f6f3b7f167c
     83.9  n2/home: mounted -> attached
     83.9  ask: detach vol-09bc5deacad146063 of n2/home from i-004bdce1a20019509
     84.6  n1/home: attached -> detaching
     84.6  n2/home: attached -> detaching
     86.6  n2/home: detaching -> available
     86.6  ask: mark vol-09bc5deacad146063 of n2/home: epoch=2 sealed
     87.0  ask: terminate i-004bdce1a20019509 of n2
     87.3  n2: running -> shutting-down
     87.3  ask: take a snapshot of vol-09bc5deacad146063 of n2/home
     88.3  n1/home: detaching -> available
     88.3  ask: mark vol-09e716de07068f938 of n1/home: epoch=2 sealed
     88.6  ask: terminate i-0c5fd3f6f3b7f167c of n1
     89.0  ask: take a snapshot of vol-09e716de07068f938 of n1/home
     89.6  n1: running -> shutting-down
     91.5  n2: shutting-down -> away
     94.9  ask: delete vol-09bc5deacad146063 of n2/home, kept by snap-006a0d7ded1cb98ab
     95.8  n1: shutting-down -> away
     95.8  n2/home: available -> deleting
     97.1  n2/home: deleting -> away
    103.8  ask: delete vol-09e716de07068f938 of n1/home, kept by snap-0f371aaa6c8e2c332
    104.8  n1/home: available -> deleting
    106.4  n1/home: deleting -> away
    106.4  -- reached
    106.4  -- drive to launched
    107.0  ask: run an instance for n1
    107.0  ask: run an instance for n2
    107.0  ask: make a volume of 1 GiB for n1/home from snap-0f371aaa6c8e2c332
    107.0  ask: make a volume of 1 GiB for n2/home from snap-006a0d7ded1cb98ab
    108.0  n1: away -> pending
    108.0  n2/home: away -> creating
    109.4  n1/home: away -> creating
    109.4  n2: away -> running
    109.4  n2/home: creating -> available
    109.4  ask: attach vol-0166219fc75a43c3d of n2/home to i-081197491e2acda7a
    110.3  n1/home: creating -> available
    110.3  n2/home: available -> attaching
    114.7  n2/home: attaching -> attached
    114.9  ask: mount n2/home at /mnt/home
    115.3  n2/home has data at write epoch 3
    115.3  n2/home: attached -> mounted
    116.1  n1: pending -> running
    116.1  ask: attach vol-0b53faa42b880e22d of n1/home to i-0c3e48645f8eee864
    116.8  n1/home: available -> attaching
    118.4  n1/home: attaching -> attached
    118.5  ask: mount n1/home at /mnt/home
    118.8  n1/home has data at write epoch 3
    118.8  n1/home: attached -> mounted
    118.8  -- reached

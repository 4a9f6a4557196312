A process holds a mount while the cluster is put away: that mount is held with its node, all else goes on; once it lets go, the rest goes too.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: run an instance for n2
      0.5  ask: make a blank volume of 1 GiB for n1/home
      0.5  ask: make a blank volume of 1 GiB for n2/home
      2.0  n1/home: away -> creating
      3.5  n1: away -> pending
      3.5  n1/home: creating -> available
      3.5  n2: away -> pending
      3.5  n2/home: away -> creating
      4.7  n2/home: creating -> available
      8.9  n1: pending -> running
      8.9  n2: pending -> running
      8.9  ask: attach vol-093bd36da8bf85d67 of n1/home to i-09f3563d6fa0601ab
      8.9  ask: attach vol-099110fc7cfadc577 of n2/home to i-0984f570aff64e59b
      9.5  n1/home: available -> attaching
      9.5  n2/home: available -> attaching
     12.4  n2/home: attaching -> attached
     13.8  n1/home: attaching -> attached
     14.4  ask: make ext4 on vol093bd36da8bf85d67 of n1/home
     14.7  ask: mark vol-093bd36da8bf85d67 of n1/home: content=data filesystem=ext4 b59e7b38-e97a-8337-85d2-3ff1ee810127
     15.3  ask: mount n1/home at /mnt/home
     15.6  n1/home has data at write epoch 1
     15.6  n1/home: attached -> mounted
     17.7  ask: make ext4 on vol099110fc7cfadc577 of n2/home
     18.1  ask: mark vol-099110fc7cfadc577 of n2/home: content=data filesystem=ext4 5bdd42ef-0c65-8727-a2f9-4cdd72d5a8cc
     18.9  ask: mount n2/home at /mnt/home
     19.1  n2/home has data at write epoch 1
     19.1  n2/home: attached -> mounted
     19.1  -- reached
     19.1  a user writes to n1/home
     19.1  a user writes to n2/home
     19.1  -- drive to away
     19.2  a process holds n1/home
     19.7  n2/home: attached -> mounted
     19.7  ask: unmount n2/home
     19.7  n1/home: attached -> mounted
     19.7  ask: unmount n1/home
     19.9  n1/home: umount failed (1): in use
     20.1  n2/home: mounted -> attached
     20.1  ask: detach vol-099110fc7cfadc577 of n2/home from i-0984f570aff64e59b
     20.8  n2/home: attached -> detaching
     20.9  ask: unmount n1/home
     21.0  n1/home: umount failed (2): in use
     23.0  ask: unmount n1/home
     23.3  n1/home: umount failed (3): in use
     23.4  held[mount-busy] n1/home: it cannot be unmounted: 1 process holds it (asked 3 times); pid 5000    user     process-5000   a file
     23.6  n2/home: detaching -> available
     23.6  ask: mark vol-099110fc7cfadc577 of n2/home: epoch=1 sealed
     24.2  ask: terminate i-0984f570aff64e59b of n2
     24.7  n2: running -> shutting-down
     24.7  ask: take a snapshot of vol-099110fc7cfadc577 of n2/home
     28.2  ask: unmount n1/home
     28.4  n1/home: umount failed (4): in use
     31.6  n2: shutting-down -> away
     34.6  ask: delete vol-099110fc7cfadc577 of n2/home, kept by snap-09c11ac76fd4224c6
     35.0  n2/home: available -> deleting
     36.6  ask: unmount n1/home
     36.8  n1/home: umount failed (5): in use
     40.9  n2/home: deleting -> away
     46.8  -- held
     46.8  all lets go of n1/home
     46.8  -- drive to away
     47.5  n1/home: attached -> mounted
     47.5  ask: unmount n1/home
     47.9  n1/home: mounted -> attached
     47.9  ask: detach vol-093bd36da8bf85d67 of n1/home from i-09f3563d6fa0601ab
     48.8  n1/home: attached -> detaching
     51.7  n1/home: detaching -> available
     51.7  ask: mark vol-093bd36da8bf85d67 of n1/home: epoch=1 sealed
     52.2  ask: terminate i-09f3563d6fa0601ab of n1
     52.6  n1: running -> shutting-down
     52.6  ask: take a snapshot of vol-093bd36da8bf85d67 of n1/home
     59.0  ask: delete vol-093bd36da8bf85d67 of n1/home, kept by snap-081505ceaa2948a00
     59.8  n1: shutting-down -> away
     59.8  n1/home: available -> deleting
     64.6  n1/home: deleting -> away
     64.6  -- reached
     64.6  -- calm
     64.6  -- drive to away
     65.1  -- reached
     65.1  -- drive to away
     65.7  -- reached
     65.7  -- drive to launched
     66.1  ask: run an instance for n1
     66.1  ask: run an instance for n2
     66.1  ask: make a volume of 1 GiB for n1/home from snap-081505ceaa2948a00
     66.1  ask: make a volume of 1 GiB for n2/home from snap-09c11ac76fd4224c6
     68.9  n1: away -> pending
     68.9  n1/home: away -> creating
     68.9  n2: away -> pending
     68.9  n2/home: away -> available
     70.2  n1: pending -> running
     70.2  n1/home: creating -> available
     70.2  n2: pending -> running
     70.2  ask: attach vol-0d7d40f87061cb85b of n1/home to i-087376497edf5531b
     70.2  ask: attach vol-00f589125b9db7b26 of n2/home to i-074bcc17e7ada17c5
     71.1  n1/home: available -> attaching
     71.1  n2/home: available -> attaching
     72.6  n2/home: attaching -> attached
     73.9  n1/home: attaching -> attached
     74.3  ask: mount n2/home at /mnt/home
     74.6  ask: mount n1/home at /mnt/home
     74.6  n2/home has data at write epoch 2
     74.6  n2/home: attached -> mounted
     74.9  n1/home has data at write epoch 2
     74.9  n1/home: attached -> mounted
     74.9  -- reached
     74.9  a user writes to n1/home
     74.9  a user writes to n2/home
     74.9  -- drive to away
     75.5  n2/home: attached -> mounted
     75.5  ask: unmount n2/home
     75.6  n1/home: attached -> mounted
     75.6  ask: unmount n1/home
     75.9  n2/home: mounted -> attached
     75.9  ask: detach vol-00f589125b9db7b26 of n2/home from i-074bcc17e7ada17c5
     76.0  n1/home: mounted -> attached
     76.0  ask: detach vol-0d7d40f87061cb85b of n1/home from i-087376497edf5531b
     76.7  n1/home: attached -> detaching
     76.7  n2/home: attached -> detaching
     78.5  n1/home: detaching -> available
     78.5  ask: mark vol-0d7d40f87061cb85b of n1/home: epoch=2 sealed
     79.0  n2/home: detaching -> available
     79.0  ask: terminate i-087376497edf5531b of n1
     79.0  ask: mark vol-00f589125b9db7b26 of n2/home: epoch=2 sealed
     79.6  n1: running -> shutting-down
     79.6  ask: terminate i-074bcc17e7ada17c5 of n2
     79.6  ask: take a snapshot of vol-0d7d40f87061cb85b of n1/home
     80.2  ask: take a snapshot of vol-00f589125b9db7b26 of n2/home
     80.6  n2: running -> shutting-down
     82.6  n2: shutting-down -> away
     85.5  n1: shutting-down -> away
     94.9  ask: delete vol-0d7d40f87061cb85b of n1/home, kept by snap-06bc9fcc273f97c81
     95.7  n1/home: available -> deleting
     97.2  n1/home: deleting -> away
    101.1  ask: delete vol-00f589125b9db7b26 of n2/home, kept by snap-084693a4d90fd533f
    101.8  n2/home: available -> deleting
    103.3  n2/home: deleting -> away
    103.3  -- reached
    103.3  -- drive to launched
    103.6  ask: run an instance for n1
    103.6  ask: run an instance for n2
    103.6  ask: make a volume of 1 GiB for n1/home from snap-06bc9fcc273f97c81
    103.6  ask: make a volume of 1 GiB for n2/home from snap-084693a4d90fd533f
    106.3  n1: away -> pending
    106.3  n1/home: away -> available
    106.3  n2: away -> running
    106.3  n2/home: away -> creating
    107.6  n2/home: creating -> available
    107.6  ask: attach vol-0b38588c15c940c09 of n2/home to i-0091ea9330b901e80
    108.5  n2/home: available -> attaching
    110.0  n1: pending -> running
    110.0  n2/home: attaching -> attached
    110.0  ask: attach vol-030c918da99de5b58 of n1/home to i-053b9ac78dd764246
    110.8  n1/home: available -> attaching
    110.8  ask: mount n2/home at /mnt/home
    111.2  n2/home has data at write epoch 3
    111.2  n2/home: attached -> mounted
    115.3  n1/home: attaching -> attached
    115.7  ask: mount n1/home at /mnt/home
    116.1  n1/home has data at write epoch 3
    116.1  n1/home: attached -> mounted
    116.1  -- reached

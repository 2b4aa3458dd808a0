// Each collection runs whole servers and judges times: side by side they would judge each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

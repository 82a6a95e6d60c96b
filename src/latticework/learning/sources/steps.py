"""The counter that stands in for a data set: batches are made on the device, in the step."""

from torch.utils.data import Dataset


class Steps(Dataset):
    """A data set of `length` step numbers: a source makes what belongs to a step."""

    def __init__(self, length: int):
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index

"""Networks by name that map a pattern and its probe, (n, size, size) each, to one map."""

from functools import partial

from latticework.networks.fcunet import FCUNet
from latticework.networks.unet import UNet

MAP_NETWORKS = {
    "unet": UNet,
    "spectral_unet": partial(UNet, pooling="spectral"),
    "fcunet": FCUNet,
}

"""Formats that are files for one reader each: records beside media, folders matched by name, tar archives."""

from curation.exports.formats import Format
from curation.exports.layouts.chosen_rejected import CHOSEN_REJECTED
from curation.exports.layouts.diffusion_dpo import DIFFUSION_DPO
from curation.exports.layouts.editreward import EDITREWARD
from curation.exports.layouts.genai_bench_video import GENAI_BENCH_VIDEO
from curation.exports.layouts.hpdv2 import HPDV2
from curation.exports.layouts.hpsv3 import HPSV3
from curation.exports.layouts.imagereward import IMAGEREWARD
from curation.exports.layouts.llamafactory import LLAMAFACTORY_DPO, LLAMAFACTORY_KTO
from curation.exports.layouts.mm_rlhf import MM_RLHF
from curation.exports.layouts.ms_swift import MS_SWIFT_DPO, MS_SWIFT_KTO, MS_SWIFT_MEDIA
from curation.exports.layouts.orpo_tar import ORPO_TAR
from curation.exports.layouts.unifiedreward import UNIFIEDREWARD_DPO, UNIFIEDREWARD_SFT
from curation.exports.layouts.videoalign import VIDEOALIGN
from curation.exports.layouts.videodpo import VIDEODPO
from curation.exports.layouts.webdataset_tar import WEBDATASET

LAYOUTS: tuple[Format, ...] = (
    DIFFUSION_DPO,
    CHOSEN_REJECTED,
    ORPO_TAR,
    WEBDATASET,
    IMAGEREWARD,
    HPDV2,
    HPSV3,
    EDITREWARD,
    VIDEOALIGN,
    VIDEODPO,
    LLAMAFACTORY_DPO,
    LLAMAFACTORY_KTO,
    MS_SWIFT_DPO,
    MS_SWIFT_KTO,
    MS_SWIFT_MEDIA,
    MM_RLHF,
    UNIFIEDREWARD_SFT,
    UNIFIEDREWARD_DPO,
    GENAI_BENCH_VIDEO,
)
